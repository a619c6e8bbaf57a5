"""One member loses the store while the others keep it: the primary gives way in time, a replica just waits."""
import time

import pytest

from harness.checker import assert_all_is_well
from harness.member import FAST
from harness.ports import free_port
from harness.processes import wait_until
from harness.proxy import TcpProxy
from harness.writer import Writer

NAMES = ("m1", "m2", "m3")


@pytest.fixture
def proxied(new_cluster):
    """A cluster in which each member reaches etcd through a proxy of its own."""
    client, peer = free_port(), free_port()
    proxies = {name: TcpProxy("127.0.0.1", client) for name in NAMES}
    cluster = new_cluster(proxies=proxies)
    cluster.etcd.ports = [(client, peer)]
    cluster.start()
    yield cluster, proxies
    for proxy in proxies.values():
        proxy.close()


@pytest.mark.parametrize("how", ["drop", "refuse", "deaf"])
def test_a_primary_without_store_gives_way(proxied, how):
    cluster, proxies = proxied
    primary = cluster.wait_for_leader()
    with Writer(cluster) as writer:
        wait_until("rows before the fault", lambda: len(writer.acks) > 20, 10)
        cut = time.time()
        proxies[primary.name].set(how)
        wait_until("the primary to step down", lambda: primary.status("/primary") == 503, FAST["ttl"] + 2)
        if how == "deaf":
            # Its renewals arrive and only the answers are lost: the lease lives on in the store, and nobody may take it
            # before the member has given up renewing.
            time.sleep(1)  # renewals that were on their way have arrived
        new = cluster.wait_for_leader(2 * FAST["ttl"] + 20, other_than=primary)
        first = wait_until("a row on the new primary", lambda: writer.first_after(cut, member=new), 10)
        own = writer.on(primary, after=cut)
        assert own, "no reason to stop as long as the lease is proven"
        assert max(a.acked for a in own) < first.acked
        proxies[primary.name].set("pass")
        cluster.wait_for_streaming(60)
        assert cluster.wait_for_leader() is new
        assert_all_is_well(cluster, writer)


def test_a_replica_without_store_goes_on_replicating(proxied):
    cluster, proxies = proxied
    primary = cluster.wait_for_leader()
    replica = cluster.replicas()[0]
    with Writer(cluster) as writer:
        wait_until("rows before the fault", lambda: len(writer.acks) > 20, 10)
        cut = time.time()
        proxies[replica.name].set("drop")
        time.sleep(FAST["ttl"] + 3)  # its own key in the store is gone by then
        assert replica.value("SELECT status FROM pg_stat_wal_receiver") == "streaming"
        assert cluster.leader_key() == primary.name
        assert writer.longest_gap(cut, time.time()) < 1
        proxies[replica.name].set("pass")
        wait_until("the replica to be listed again", lambda: cluster.etcd.get(cluster.key(f"members/{replica.name}")), 30)
        assert_all_is_well(cluster, writer)
