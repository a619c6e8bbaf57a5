"""What comes back from where etcd should be is not always etcd's, nor always of the etcd that was meant."""
import time

import pytest

from harness.checker import assert_all_is_well
from harness.etcd import Etcd
from harness.member import FAST
from harness.ports import free_port
from harness.processes import wait_until
from harness.proxy import TcpProxy
from harness.writer import Writer

ODD = b'{"type":"about:blank","title":"Service Unavailable","status":503}'
ODD_503 = (b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\n"
           b"Content-Length: %d\r\n\r\n%b" % (len(ODD), ODD))


@pytest.fixture
def behind_proxies(new_cluster):
    made = []

    def make(*names):
        client, peer = free_port(), free_port()
        proxies = {name: TcpProxy("127.0.0.1", client) for name in names}
        made.extend(proxies.values())
        cluster = new_cluster(members=names, proxies=proxies)
        cluster.etcd.ports = [(client, peer)]
        return cluster, proxies

    yield make
    for proxy in made:
        proxy.close()


def another_etcd(cluster, ports=None):
    return Etcd(cluster.directory / "another" / "etcd", ports=ports).start()


def test_one_answer_of_a_proxy_to_a_keepalive_costs_a_primary_nothing(behind_proxies):
    cluster, proxies = behind_proxies("m1")
    cluster.start()
    with Writer(cluster) as writer:
        wait_until("rows before the fault", lambda: len(writer.acks) > 20, 10)
        begin = time.time()
        proxies["m1"].interject("/lease/keepalive", ODD_503)
        wait_until("the odd answer", lambda: proxies["m1"].interjected, 2 * FAST["loop_wait"] + 2)
        time.sleep(2 * FAST["loop_wait"])  # long enough for what it would bring about
        assert writer.longest_gap(begin, time.time()) < 1
        assert cluster.wait_for_leader() is cluster["m1"]
        assert_all_is_well(cluster, writer)


def test_a_primary_that_reaches_only_another_etcd_does_not_lead_there(behind_proxies):
    cluster, proxies = behind_proxies("m1", "m2")
    other = another_etcd(cluster)
    try:
        cluster["m1"].write_configuration(
            etcd3={"hosts": [proxies["m1"].endpoint, *other.endpoints], "use_proxies": True})
        cluster.start_store()
        cluster["m1"].start()
        assert cluster.wait_for_leader(60).name == "m1"
        cluster["m2"].start()
        cluster.wait_for_streaming()
        proxies["m1"].set("refuse")
        cluster["m1"].wait_for_log("belongs to another etcd: its cluster id is")
        assert cluster.wait_for_leader(2 * FAST["ttl"] + 20, other_than="m1").name == "m2"
        assert cluster["m1"].status("/primary") == 503
        assert other.keys("/service/") == {}
        proxies["m1"].set("pass")
        cluster.wait_for_streaming()
    finally:
        other.stop()


def test_a_member_whose_etcd_was_made_anew_takes_it_once_its_postgresql_was_down(behind_proxies):
    cluster, _ = behind_proxies("m1")
    m1 = cluster["m1"]
    cluster.start()
    identifier = m1.system_identifier()
    m1.kill()
    cluster.etcd.kill()
    cluster.etcd = another_etcd(cluster, ports=cluster.etcd.ports)
    m1.start()
    m1.wait_for_log("belongs to another etcd: its cluster id is")
    time.sleep(2)  # the watch over what was found running has looked
    assert cluster.etcd.keys("/service/") == {}, "a primary that runs is not led into another store"
    m1.stop()
    m1.start()
    m1.wait_for_log("the one that answers is used from now on", timeout=2 * FAST["ttl"])
    cluster.wait_for_leader(30)
    assert cluster.etcd.get(cluster.key("initialize")) == str(identifier)
