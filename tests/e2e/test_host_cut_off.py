"""The primary's host is cut off, its packets silently dropped: it stops accepting writes before another begins."""
import time

from harness.checker import assert_all_is_well
from harness.member import FAST
from harness.processes import wait_until
from harness.writer import LoopWriters, Writer


def test_a_primary_without_network_stops_before_another_starts(new_cluster, switch):
    cluster = new_cluster(switch=switch).start()
    primary = cluster.wait_for_leader()
    # The writers sit on the members' own hosts: the cut-off primary goes on having clients.
    with Writer(cluster, namespaced=True) as writer:
        loops = LoopWriters(cluster, primary, sessions=2).start()
        wait_until("rows before the fault", lambda: len(writer.acks) > 20 and loops.rows(), 10)
        cut = time.time()
        switch.cut(primary.name)
        new = cluster.wait_for_leader(FAST["ttl"] + 20, other_than=primary)
        first = wait_until("a row on the new primary", lambda: writer.first_after(cut, member=new), 10)
        assert first.acked - cut < FAST["ttl"] + 2, "dropped packets cost no more than refused ones"
        time.sleep(2)  # a row that the old primary still acknowledged would be on record by then
        own = writer.on(primary, after=cut)
        assert own, "the primary served the clients on its host until its lease was over"
        assert max(a.acked for a in own) < first.acked
        last = max(clock for _, _, clock in loops.stop())
        assert last < first.acked, f"a server-side loop went on {last - first.acked:.3f} s too long"
        gone = cluster.observer.of("/leader", "delete", after=cut)[0].when
        assert last < gone, f"rows were acknowledged {last - gone:.3f} s after the store had given up the lease"

        switch.heal(primary.name)
        cluster.wait_for_streaming(60)
        assert cluster.wait_for_leader() is new
        assert_all_is_well(cluster, writer)


def test_a_replica_without_network_disturbs_nobody(new_cluster, switch):
    cluster = new_cluster(switch=switch).start()
    primary = cluster.wait_for_leader()
    replica = cluster.replicas()[0]
    with Writer(cluster, namespaced=True) as writer:
        wait_until("rows before the fault", lambda: len(writer.acks) > 20, 10)
        cut = time.time()
        switch.cut(replica.name)
        time.sleep(FAST["ttl"] + 3)  # whatever depends on its lease has had its chance
        assert cluster.leader_key() == primary.name
        assert writer.longest_gap(cut, time.time()) < 2
        switch.heal(replica.name)
        cluster.wait_for_streaming(60)
        assert cluster.wait_for_leader() is primary
        assert_all_is_well(cluster, writer)
