"""A host is cut off, its packets silently dropped: a primary stops accepting writes before another begins, and nobody waits
for a standby for ever."""
import json
import random
import time

import pytest

from harness.checker import assert_all_is_well, assert_nothing_lost
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


@pytest.mark.parametrize("mode", [True, "quorum"])
def test_a_synchronous_standby_whose_host_vanishes_is_not_waited_for_any_longer(new_cluster, switch, mode):
    count = 1 if mode is True else 2  # in quorum mode one of two is missed by nobody
    cluster = new_cluster(switch=switch, dcs={**FAST, "synchronous_mode": mode, "synchronous_node_count": count}).start()
    primary = cluster.wait_for_leader()

    def listed():
        value = json.loads(cluster.etcd.get(cluster.key("sync")) or "{}")
        voters = (value.get("sync_standby") or "").split(",")
        return voters if value.get("leader") == primary.name and len(voters) == count and all(voters) else None
    voters = wait_until("voters", listed, 30)
    with Writer(cluster, namespaced=True, commit="on") as writer:
        wait_until("rows before the fault", lambda: len(writer.on(primary)) > 20, 10)
        victim = cluster[random.choice(voters)]
        cut = time.time()
        switch.cut(victim.name)
        wait_until("a row that waits for somebody else", lambda: writer.first_after(cut + 0.5, member=primary),
                   FAST["ttl"] + 1 + 5)
        time.sleep(2)
        gap = writer.longest_gap(cut, time.time())
        print(f"commits waited {gap:.1f} s for a host that had vanished (synchronous_mode {mode})")
        assert gap < FAST["ttl"] + 1
        assert cluster.leader_key() == primary.name
        switch.heal(victim.name)
        cluster.wait_for_streaming(60)
        assert_nothing_lost(cluster, assert_all_is_well(cluster, writer))


def test_a_primary_whose_host_vanishes_loses_nothing_in_synchronous_mode(new_cluster, switch):
    mode = random.choice([True, "quorum"])
    cluster = new_cluster(switch=switch, dcs={**FAST, "synchronous_mode": mode}).start()
    primary = cluster.wait_for_leader()
    wait_until("voters", lambda: json.loads(cluster.etcd.get(cluster.key("sync")) or "{}").get("sync_standby"), 30)
    with Writer(cluster, namespaced=True, commit="on") as writer:
        wait_until("rows before the fault", lambda: len(writer.on(primary)) > 20, 10)
        cut = time.time()
        switch.cut(primary.name)
        new = cluster.wait_for_leader(FAST["ttl"] + 20, other_than=primary)
        first = wait_until("a row on the new primary", lambda: writer.first_after(cut, member=new), 20)
        print(f"written elsewhere after {first.acked - cut:.1f} s (synchronous_mode {mode})")
        switch.heal(primary.name)
        cluster.wait_for_streaming(60)
        assert_nothing_lost(cluster, assert_all_is_well(cluster, writer))
