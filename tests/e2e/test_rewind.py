"""A former primary that wrote behind the new one's back comes back by pg_rewind, and by a new copy only where that is
allowed."""
import subprocess

from harness.ports import free_port
from harness.processes import POSTGRES_BIN, give, spawn, wait_until

ROWS = "SELECT count(*), coalesce(sum(x), 0) FROM rows"


def run(member, *argv):
    log = member.directory / "by-hand.log"
    done = spawn([POSTGRES_BIN / argv[0], *argv[1:]], log, cwd=member.directory).wait(30)
    assert done == 0, f"{argv}: {log.read_text()}"


def write_behind_its_back(member, statements, *options):
    """PostgreSQL of a member whose daemon is gone goes on, alone, and then loses its power."""
    port = free_port()
    settings = " ".join(f"-c {option}" for option in (f"port={port}", *options))
    run(member, "pg_ctl", "start", "-w", "-D", member.data, "-l", member.directory / "alone.log", "-o", settings)
    run(member, "psql", "-qX", "-h", member.directory, "-p", port, "-U", "postgres", "-d", "postgres",
        *(word for statement in statements for word in ("-c", statement)))
    run(member, "pg_ctl", "stop", "-w", "-m", "immediate", "-D", member.data)


def fail_over(cluster):
    """The primary's host loses its power and its key runs out at once; returns old and new."""
    old = cluster.wait_for_leader(40)
    cluster.wait_for_streaming(40)
    old.query("CREATE TABLE rows AS SELECT generate_series(1, 100) AS x")
    cluster.wait_for_replay()
    old.kill_everything()
    cluster.etcd.delete(cluster.key("leader"))
    new = cluster.wait_for_leader(20, other_than=old)
    new.query("INSERT INTO rows VALUES (1000)")
    return old, new


def assert_same_rows(cluster, old, new):
    cluster.wait_for_streaming(40, names=[old.name])
    expected = new.query(ROWS)
    assert expected[0][0] == 101
    wait_until("the rows of the new primary", lambda: old.query(ROWS) == expected, 10)


def test_an_old_primary_is_rewound_with_wal_that_only_the_archive_has(new_cluster):
    cluster = new_cluster(members=("m1", "m2"))
    archive = cluster.directory / "archive"
    archive.mkdir()
    give(archive)
    for member in cluster:
        member.write_configuration(postgresql={
            "parameters": {"archive_mode": "on", "archive_command": f"cp %p {archive}/%f"},
            "recovery_conf": {"restore_command": f"cp {archive}/%f %p"},
            "remove_data_directory_on_rewind_failure": False,
            "remove_data_directory_on_diverged_timelines": False})
    cluster.start()
    old, new = fail_over(cluster)
    control = {}
    for line in subprocess.run([POSTGRES_BIN / "pg_controldata", old.data], capture_output=True, text=True).stdout.splitlines():
        key, _, value = line.partition(":")
        control[key] = value.strip()
    common = control["Latest checkpoint's REDO WAL file"]
    step = ["INSERT INTO rows VALUES (-1)", "SELECT pg_switch_wal()"]
    write_behind_its_back(old, ["SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots",
                                *step, *step, *step, "SELECT pg_sleep(0.5)", "CHECKPOINT", "CHECKPOINT"],
                          "wal_keep_size=0", "max_wal_size=32MB", "min_wal_size=32MB")
    assert not (old.data / "pg_wal" / common).exists(), "the gap is there"
    assert (archive / common).exists()
    old.start()
    old.wait_for_log(f"running pg_rewind from {new.name}", 20)
    assert_same_rows(cluster, old, new)
    assert "Removing data directory" not in old.log()


def test_a_rewind_that_fails_ends_in_a_new_copy_where_that_is_allowed(new_cluster):
    cluster = new_cluster(members=("m1", "m2"))
    fake = cluster.directory / "fake_rewind"
    fake.write_text('#!/bin/sh\ntest "$1" = --help && exit 0\necho "pg_rewind: error: a bad day" >&2\nexit 1\n')
    fake.chmod(0o755)
    up = "/".join(".." for _ in POSTGRES_BIN.parts[1:])
    for member in cluster:
        member.write_configuration(
            bootstrap={"dcs": {"postgresql": {"remove_data_directory_on_diverged_timelines": False}}},
            postgresql={"bin_name": {"pg_rewind": f"{up}{fake}"},
                        "remove_data_directory_on_rewind_failure": True,
                        "remove_data_directory_on_diverged_timelines": False})
    cluster.start()
    old, new = fail_over(cluster)
    write_behind_its_back(old, ["INSERT INTO rows VALUES (-1)"])
    old.start()
    old.wait_for_log(f"pg_rewind from {new.name} failed: exit code 1: pg_rewind: error: a bad day", 20)
    old.wait_for_log("Removing data directory .*remove_data_directory_on_rewind_failure is set", 20)
    assert_same_rows(cluster, old, new)
