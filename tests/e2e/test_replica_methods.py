"""Replicas made by methods of the user, in their order, and from a backup where nobody leads."""
import json

from harness.member import FAST, tanistctl
from harness.processes import POSTGRES_BIN, give, wait_until


def write_script(directory, name, body):
    path = directory / name
    path.write_text('#!/bin/sh\nfor a in "$@"; do case $a in --datadir=*) d=${a#*=};; --connstring=*) c=${a#*=};; esac; '
                    f'done\necho "$@" >> {directory}/{name}.args\n{body}\n')
    path.chmod(0o755)
    give(path)
    return str(path)


def test_methods_are_tried_in_their_order_until_one_succeeds(new_cluster):
    cluster = new_cluster(members=("m1", "m2")).start_store()
    leader, replica, place = cluster["m1"].start(), cluster["m2"], cluster.directory
    cluster.wait_for_leader()
    broken = write_script(place, "broken", "mkdir -p $d; echo 15 > $d/PG_VERSION; echo out of tapes >&2; exit 9")
    copy = write_script(place, "copy", f"test -e {place}/allowed || exit 1\n"
                                       f"exec {POSTGRES_BIN}/pg_basebackup -D $d -X stream -c fast -d \"$c\"")
    replica.configuration["postgresql"].update(
        create_replica_methods=["broken", "copy"], broken={"command": broken}, copy={"command": copy, "kind": "full"})
    replica.start()
    replica.wait_for_log("Error creating replica using method broken: .*out of tapes")
    (place / "allowed").touch()
    cluster.wait_for_streaming(30)
    # The pause between two rounds, not the speed of failing, says how often it is tried.
    assert (place / "broken.args").read_text().count("\n") <= 3
    arguments = (place / "copy.args").read_text().splitlines()[-1]
    assert arguments.startswith(f"--kind=full --scope={cluster.scope} --role=replica --datadir={replica.data} "
                                f"--connstring=dbname=postgres user=replicator host=127.0.0.1 port={leader.port}")
    assert "secret" not in arguments
    assert "replica has been created using copy" in replica.log()


def test_a_replica_comes_from_a_backup_while_nobody_leads(new_cluster):
    cluster = new_cluster(members=("m1", "m2")).start_store()
    first, second, place = cluster["m1"].start(), cluster["m2"], cluster.directory
    cluster.wait_for_leader()
    first.query("CREATE TABLE kept AS SELECT 1 AS x")
    assert first.stop() == 0
    restore = write_script(place, "restore", f"cp -a {first.data} $d && rm -f $d/postmaster.*")
    second.configuration["postgresql"].update(create_replica_methods=["restore", "basebackup"],
                                              restore={"command": restore, "no_leader": 1, "no_params": False})
    second.start()
    second.wait_for_log(r"trying to bootstrap \(without leader\)")
    second.wait_for_log(r"bootstrapped \(without leader\)")
    assert cluster.wait_for_leader(30) is second
    assert second.value("SELECT x FROM kept") == 1
    assert "--no_leader=1" in (place / "restore.args").read_text()


def test_progress_is_shown_while_a_replica_is_made(new_cluster):
    cluster = new_cluster(members=("m1", "m2"), dcs={**FAST, "loop_wait": 1}).start_store()
    cluster["m1"].start()
    cluster.wait_for_leader()
    replica = cluster["m2"]
    replica.configuration["postgresql"]["basebackup"] = [{"max-rate": "6M"}]
    replica.start()
    shown = wait_until("progress in the status", lambda: replica.rest("/patroni")[1].get("progress", {}).get(
        "bytes_per_second") and replica.rest("/patroni")[1], 20)
    assert shown["state"] == "creating replica"
    assert 0 < shown["progress"]["done_bytes"] <= shown["progress"]["total_bytes"]
    wait_until("progress in the member key", lambda: "bytes_per_second" in cluster.etcd.get(
        cluster.key("members/m2"), absent=""), 10)
    listed = tanistctl(cluster["m1"], "list").stdout
    assert "creating replica " in listed and "MB/s" in listed, listed
    plain = json.loads(tanistctl(cluster["m1"], "list", "-f", "json").stdout)
    assert [row["State"] for row in plain if row["Member"] == "m2"] in (["creating replica"], ["streaming"])
    cluster.wait_for_streaming(40)
