"""A replica whose data directory is gone is cloned again, while the primary goes on."""
import time

from harness.checker import assert_all_is_well, assert_nothing_lost
from harness.processes import wait_until


def test_a_stopped_and_wiped_replica_is_cloned_at_its_start(cluster, writer):
    replica = cluster.replicas()[0]
    assert replica.stop() == 0
    replica.wipe()
    began = time.time()
    replica.start()
    cluster.wait_for_streaming(60, names=[replica.name])
    assert writer.longest_gap(began, time.time()) < 2
    assert_nothing_lost(cluster, assert_all_is_well(cluster, writer))


def test_a_replica_wiped_under_its_daemon_is_cloned_without_help(cluster, writer):
    replica = cluster.replicas()[0]
    old = replica.postmaster()
    replica.kill_postgres()
    try:
        replica.wipe()
    except (OSError, AssertionError):  # the daemon is quick and may be starting it again already
        replica.kill_postgres()
        wait_until("the directory to be gone", lambda: not replica.data.exists() or replica.wipe(), 10)
    wait_until("a new postmaster", lambda: replica.postmaster() not in (None, old), 60)
    cluster.wait_for_streaming(60, names=[replica.name])
    assert_nothing_lost(cluster, assert_all_is_well(cluster, writer))
