"""etcd killed and restarted: a short outage costs nothing, a long one stops writes in time and ends by itself."""
import time

from harness.checker import assert_all_is_well, assert_nothing_lost
from harness.member import FAST
from harness.processes import wait_until
from harness.writer import Writer


def test_a_short_outage_is_not_noticed_by_clients(cluster, writer):
    primary = cluster.wait_for_leader()
    wait_until("rows before the fault", lambda: len(writer.acks) > 20, 10)
    began = time.time()
    cluster.etcd.kill()
    time.sleep(4)  # longer than retry_timeout, shorter than any deadline of the lease
    cluster.etcd.start()
    time.sleep(5)  # two cycles with the store back
    assert cluster.wait_for_leader() is primary
    assert writer.longest_gap(began, time.time()) < 1
    acks = assert_all_is_well(cluster, writer)
    assert_nothing_lost(cluster, acks)
    assert len({a.timeline for a in acks}) == 1


def test_a_long_outage_stops_writes_before_the_lease_is_over(cluster, writer):
    wait_until("rows before the fault", lambda: len(writer.acks) > 20, 10)
    began = time.time()
    cluster.etcd.kill()
    wait_until("the primary to step down", lambda: not cluster.primaries(), FAST["ttl"] + 5)
    # Past the end of the lease, whenever they stepped down: what comes after it would be the breach.
    time.sleep(FAST["ttl"] + 3 - min(FAST["ttl"] + 3, time.time() - began))
    last = max(a.acked for a in writer.acks)
    assert last - began < FAST["ttl"], "nobody accepts writes once the lease may be over"
    assert all(m.running() and m.postmaster() for m in cluster), "replicas go on serving reads"
    assert all(m.status("/liveness") == 200 for m in cluster)
    back = time.time()
    cluster.etcd.start()
    cluster.wait_for_leader(FAST["ttl"] + 30)
    first = wait_until("a row after the outage", lambda: writer.first_after(back), 10)
    assert first.acked - back < FAST["ttl"] + 15
    acks = assert_all_is_well(cluster, writer)
    assert_nothing_lost(cluster, acks)  # the demotion was orderly, and somebody has everything


def test_the_loss_of_one_of_three_etcd_nodes_is_not_noticed(new_cluster):
    cluster = new_cluster(store_nodes=3).start()
    primary = cluster.wait_for_leader()
    with Writer(cluster) as writer:
        wait_until("rows before the fault", lambda: len(writer.acks) > 20, 10)
        began = time.time()
        for node in range(3):
            cluster.etcd.kill(node)
            time.sleep(5)  # two cycles with two nodes
            cluster.etcd.start(node)
            time.sleep(2)  # it has caught up, so that the next loss leaves a quorum
        assert writer.longest_gap(began, time.time()) < 1
        assert cluster.wait_for_leader() is primary
        acks = assert_all_is_well(cluster, writer)
        assert_nothing_lost(cluster, acks)
        assert len({a.timeline for a in acks}) == 1
