"""kill -9 of the daemon in the middle of a clone: the next one begins anew, and what looks whole is whole."""
import pytest

from harness.processes import POSTGRES_BIN, alive, give, wait_until


def start_copying(cluster, how):
    """The second member in the middle of its clone; returns the pid of what copies."""
    replica, place = cluster["m2"], cluster.directory
    pid_file = place / "copy.pid"
    script = place / "copy"
    # A wrapper in both cases, so that the test knows the process.
    script.write_text('#!/bin/sh\nfor a in "$@"; do case $a in --datadir=*) d=${a#*=};; --connstring=*) c=${a#*=};; esac; '
                      f'done\necho $$ > {pid_file}\n'
                      f'test -e {place}/fast && r= || r="-r 2M"\n' + (
                          f'exec {POSTGRES_BIN}/pg_basebackup $r "$@"\n' if how == "basebackup" else
                          f'exec {POSTGRES_BIN}/pg_basebackup $r -D $d -X stream -c fast -d "$c"\n'))
    script.chmod(0o755)
    give(script)
    if how == "basebackup":
        replica.configuration["postgresql"]["bin_name"] = {"pg_basebackup": "/".join([".."] * 12) + str(script)}
    else:
        replica.configuration["postgresql"].update(create_replica_methods=["copy"], copy={"command": str(script)})
    replica.start()
    where = replica.directory / "data.clone" if how == "basebackup" else replica.data
    wait_until("the copy to be under way", lambda: (where / "base").exists(), 20)
    return int(pid_file.read_text())


@pytest.mark.parametrize("how", ["basebackup", "script"])
def test_a_clone_whose_daemon_was_killed_begins_anew(new_cluster, how):
    cluster = new_cluster(members=("m1", "m2")).start_store()
    cluster["m1"].start()
    cluster.wait_for_leader()
    replica = cluster["m2"]
    pid = start_copying(cluster, how)
    replica.kill()
    assert alive(pid), "what copies should outlive its daemon, or this test shows nothing"
    (cluster.directory / "fast").touch()
    replica.start()
    cluster.wait_for_streaming(30)
    assert not alive(pid)
    assert not (replica.directory / "data.clone").exists()
    log = replica.log()
    assert "processes that still work on data directory" in log
    assert "what an unfinished clone left in" in log


def test_an_orderly_end_in_the_middle_of_a_clone_leaves_nothing(new_cluster):
    cluster = new_cluster(members=("m1", "m2")).start_store()
    cluster["m1"].start()
    cluster.wait_for_leader()
    pid = start_copying(cluster, "script")
    assert cluster["m2"].stop(patience=15) == 0
    assert not alive(pid)
    assert not (cluster["m2"].data / "PG_VERSION").exists()
