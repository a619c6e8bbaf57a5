"""A member lives through everything on PostgreSQL older and newer than Debian 12's: scripts/postgres-versions brings them."""
import signal
import time

import pytest

from harness import versions
from harness.parameter_table import differences
from harness.processes import give, send, wait_until

# Parameters, the major versions that have them, and what is asked for.
OF_SOME_VERSIONS = {"vacuum_cleanup_index_scale_factor": (11, 13, "0.2"),
                    "old_snapshot_threshold": (10, 16, "1h"),
                    "idle_session_timeout": (14, 99, "2h"),
                    "transaction_timeout": (17, 99, "3h"),
                    "idle_replication_slot_timeout": (18, 99, "4h")}


def on_version(major):
    found = versions.bin_directory(major)
    if not found:
        pytest.skip(f"PostgreSQL {major} is not here: scripts/postgres-versions {major} brings it")
    assert versions.major_version(found) == major
    return found


def with_archive(new_cluster, major):
    """Two members and an archive. The replica takes over as soon as the primary's PostgreSQL is dead: a lease that runs out
    is no matter of versions."""
    cluster = new_cluster(members=("m1", "m2"), postgres_bin=on_version(major),
                          dcs={"ttl": 20, "loop_wait": 2, "retry_timeout": 3, "primary_start_timeout": 0})
    archive = give_directory(cluster.directory / "archive")
    parameters = {name: value for name, (_, _, value) in OF_SOME_VERSIONS.items()}
    parameters |= {"wal_keep_size": "32MB", "archive_mode": "on", "archive_command": f"cp %p {archive}/%f"}
    for member in cluster:
        member.write_configuration(
            bootstrap={"dcs": {"postgresql": {"parameters": parameters,
                                              "recovery_conf": {"restore_command": f"cp {archive}/%f %p"}}}})
    return cluster


def give_directory(path):
    path.mkdir()
    return give(path)


def keep_a_row_from_leaving(primary, replica):
    """A row on the primary alone, after which its part of the timeline and the replica's differ."""
    for (walsender,) in primary.query("SELECT pid FROM pg_stat_replication WHERE application_name = %s", replica.name):
        send(walsender, signal.SIGSTOP)
    primary.query("INSERT INTO life VALUES ('lost with its host')")


@pytest.mark.parametrize("major", [13, 17, 18])
def test_a_member_lives_through_everything_on(new_cluster, major):
    cluster = with_archive(new_cluster, major).start(timeout=20)
    primary = cluster.wait_for_leader()
    (replica,) = cluster.replicas()
    assert primary.value("SHOW server_version_num").startswith(str(major))
    assert replica.rest("/patroni")[1]["server_version"] // 10000 == major
    assert primary.value("SHOW wal_keep_size") == "32MB"
    for name, (first, last, value) in OF_SOME_VERSIONS.items():
        expected = value if first <= major <= last else None
        assert primary.value("SELECT current_setting(%s, true)", name) == expected, name
    assert differences(primary) == []

    # Its daemon is killed and started again: PostgreSQL is adopted, as what runs is recognised to be it.
    before = [m.postmaster() for m in cluster]
    primary.kill()
    primary.start()
    assert cluster.wait_for_leader(20) is primary
    primary.query("CREATE TABLE life (what text)")
    primary.query("INSERT INTO life VALUES ('replicated')")
    cluster.wait_for_replay(10)

    # Failover, with a row that only the lost primary has; it is rewound.
    keep_a_row_from_leaving(primary, replica)
    assert [m.postmaster() for m in cluster] == before
    killed = time.time()
    primary.kill_postmaster()
    new = cluster.wait_for_leader(20, other_than=primary)
    assert new is replica
    assert new.query("SELECT what FROM life") == [("replicated",)]
    new.query("INSERT INTO life VALUES ('after the failover')")
    assert time.time() - killed < 10
    cluster.wait_for_streaming(30)
    primary.wait_for_log("pg_rewind exit code=0", 1)
    cluster.wait_for_replay(10)
    assert primary.query("SELECT what FROM life") == [("replicated",), ("after the failover",)]
    assert primary.value("SELECT received_tli FROM pg_stat_wal_receiver") == 2

    # A parameter changes by a reload, also on the promoted one, whose daemon knows it from its files only.
    postmasters = [m.postmaster() for m in cluster]
    new.kill()
    new.start()
    assert cluster.wait_for_leader(20) is new
    for member in cluster:
        member.configuration["postgresql"]["parameters"]["work_mem"] = "5MB"
        member.reload()
        wait_until(f"the new work_mem on {member.name}", lambda: member.value("SHOW work_mem") == "5MB", 10)
        assert member.query("SELECT name FROM pg_settings WHERE pending_restart") == []
        assert "without restarting the server" not in member.log()
    assert [m.postmaster() for m in cluster] == postmasters, "a reload restarts nothing"

    for member in (primary, new):
        assert member.stop() == 0
        assert member.control()["Database cluster state"].startswith("shut down")
