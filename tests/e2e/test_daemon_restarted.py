"""PostgreSQL is no child that dies with its daemon: a restarted daemon adopts it, and clients notice nothing."""
import time

import pytest

from harness.checker import assert_all_is_well, assert_nothing_lost
from harness.processes import wait_until
from harness.writer import Writer


@pytest.mark.parametrize("role", ["primary", "replica"])
def test_a_killed_daemon_leaves_postgresql_running_and_adopts_it(cluster, writer, role):
    member = cluster.wait_for_leader() if role == "primary" else cluster.replicas()[0]
    leader = cluster.wait_for_leader()
    wait_until("rows before the fault", lambda: len(writer.acks) > 20, 10)
    postmaster, began = member.postmaster(), time.time()
    member.kill()
    time.sleep(1)  # PostgreSQL has the time to notice a missing daemon, and must not mind
    assert member.postmaster() == postmaster
    member.start()
    wait_until("its REST API", lambda: member.status("/health") == 200, 15)
    cluster.wait_for_streaming(40)
    assert member.postmaster() == postmaster
    assert cluster.wait_for_leader() is leader
    assert cluster.observer.of("/leader", "delete", after=began) == []
    assert writer.longest_gap(began, time.time()) < 1
    assert_nothing_lost(cluster, assert_all_is_well(cluster, writer))


def test_a_primary_whose_daemon_stays_dead_is_replaced_and_taken_back(new_cluster):
    """No fence stands behind the daemon in this test's configuration: what is checked is that the others wait for the
    whole lease, and that the old primary, found running, gives way as soon as its daemon is back."""
    cluster = new_cluster(overrides={"guard": {"mode": False}}).start()
    with Writer(cluster) as writer:
        replaced_and_taken_back(cluster, writer)


def replaced_and_taken_back(cluster, writer):
    primary = cluster.wait_for_leader()
    assert primary.guardian() is None
    wait_until("rows before the fault", lambda: len(writer.acks) > 20, 10)
    began = time.time()
    primary.kill()
    cluster_leader = cluster.wait_for_leader(cluster.dcs["ttl"] + 20, other_than=primary)
    gone = cluster.observer.of("/leader", "delete", after=began)[0].when
    assert gone - began > cluster.dcs["ttl"] - cluster.dcs["loop_wait"] - cluster.dcs["retry_timeout"] - 2
    back = time.time()
    primary.start()
    wait_until("the old primary to stop accepting writes",
               lambda: primary.value("SELECT pg_is_in_recovery()") is True, 30)
    writer.stop()
    assert not [a for a in writer.on(primary, after=back + 5)], "found out at once, not at the next failure"
    cluster.wait_for_streaming(60)
    assert cluster.wait_for_leader() is cluster_leader


def test_a_sigterm_before_the_store_answers_stops_a_postgresql_that_was_found(cluster):
    """A primary that an earlier daemon left running has nobody who watches its lease once this one ends."""
    primary = cluster.wait_for_leader()
    primary.kill()
    assert primary.postmaster()
    cluster.etcd.kill()
    primary.start()
    primary.wait_for_log("waiting on etcd")
    primary.terminate()
    assert primary.wait(20) == 0
    assert primary.postmaster() is None
