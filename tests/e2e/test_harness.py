"""The checks themselves: a checker that cannot fail proves nothing."""
import shutil
import time

import pytest

from harness.checker import assert_one_primary_at_a_time
from harness.etcd import Etcd
from harness.processes import temporary_directory
from harness.proxy import TcpProxy
from harness.writer import Ack


def ack(member, timeline, sent, acked):
    return Ack(f"w-{member}", int(sent * 1000), member, sent, acked, timeline, 1.0)


def test_two_primaries_are_found():
    with pytest.raises(AssertionError, match="two primaries"):
        assert_one_primary_at_a_time([ack("a", 1, 1.0, 1.1), ack("b", 2, 2.0, 2.1), ack("a", 1, 2.2, 2.3)])


def test_a_failover_and_a_failback_are_no_two_primaries():
    assert_one_primary_at_a_time([ack("a", 1, 1.0, 1.1), ack("b", 2, 2.0, 2.1), ack("b", 2, 2.2, 2.3),
                                  ack("a", 3, 3.0, 3.1)])


def test_a_slow_answer_of_the_old_primary_is_no_proof():
    assert_one_primary_at_a_time([ack("a", 1, 1.0, 2.5), ack("b", 2, 2.0, 2.1)])


def test_the_store_tells_its_changes_and_the_proxy_its_faults():
    directory = temporary_directory()
    etcd = Etcd(directory / "etcd").start()
    host, _, port = etcd.endpoints[0].partition(":")
    proxy = TcpProxy(host, int(port))
    try:
        observer = etcd.observe("/service/x/")
        through = Etcd(directory / "other", ports=[(proxy.port, 0)])
        through.put("/service/x/leader", "m1")
        assert etcd.get("/service/x/leader") == "m1"
        assert proxy.requests["/v3/kv/put"] == 1
        for mode in ("refuse", "drop"):
            proxy.set(mode)
            with pytest.raises(ConnectionError):
                through.put("/service/x/leader", "m2")
            assert etcd.get("/service/x/leader") == "m1"
        proxy.set("deaf")
        with pytest.raises(ConnectionError):
            through.put("/service/x/leader", "m3")
        assert etcd.get("/service/x/leader") == "m3", "the effect happened, the answer was lost"
        proxy.set("pass")
        assert through.delete("/service/x/leader")
        time.sleep(0.2)  # an event too many would be here by then
        assert [(e.kind, e.value) for e in observer.of("/leader")] == [("put", "m1"), ("put", "m3"), ("delete", "")]
        observer.close()
    finally:
        proxy.close()
        etcd.stop()
        shutil.rmtree(directory)
