"""tanist.short_lease: a lost host is replaced in the few seconds of a short ttl, and a store that is not well is no reason to."""
import json
import multiprocessing
import signal
import statistics
import threading
import time

import pytest

from harness.checker import assert_all_is_well
from harness.processes import send, wait_until
from harness.rest import call
from harness.writer import Writer

SHORT = {"ttl": 4, "loop_wait": 1, "retry_timeout": 1, "tanist": {"short_lease": True}}
FOREIGN = {"conn_url": "postgres://127.0.0.1:1/postgres", "api_url": "http://127.0.0.1:1/patroni", "state": "running",
           "role": "replica", "version": "4.1.5"}


@pytest.fixture
def short(new_cluster):
    return new_cluster(dcs=SHORT, store_nodes=3).start()


def test_a_lost_host_is_replaced_within_five_seconds(short, soak, record_property):
    took = []
    with Writer(short) as writer:
        for _ in range(20 if soak else 4):
            old = short.wait_for_leader(30)
            short.wait_for_streaming(60)
            wait_until("rows", lambda: len(writer.on(old, after=time.time() - 1)) > 10, 20)
            # Nothing of it is left to give the key back.
            killed = time.time()
            old.kill_everything()
            wait_until("a row elsewhere", lambda: any(a.member != old.name and a.sent > killed for a in list(writer.acks)), 20)
            took.append(min(a.acked for a in list(writer.acks) if a.member != old.name and a.sent > killed) - killed)
            old.start()
            short.wait_for_streaming(90)
        assert_all_is_well(short, writer)
    record_property("from the loss of the primary's host to a row elsewhere",
                    f"{statistics.median(took):.2f} s (median), {max(took):.2f} s (longest) of {len(took)}")
    assert max(took) <= 5


def test_a_member_of_another_make_puts_an_end_to_it_and_its_going_does_not(short):
    primary = short.wait_for_leader()
    before = len(primary.log())
    short.etcd.put(short.key("members/patroni"), json.dumps(FOREIGN))
    primary.wait_for_log("tanist.short_lease is not in force while patroni, which is of another make, is in the cluster: ttl is 20 s",
                         10, after=before)
    # A lease of the usual length is taken for it.
    wait_until("a lease of the usual length", lambda: lease_of(short) >= 18, 10)
    short.etcd.delete(short.key("members/patroni"))
    primary.wait_for_log("tanist.short_lease is in force: ttl is 4 s", 10, after=before)
    wait_until("a short lease", lambda: lease_of(short) <= 4, 10)
    assert short.wait_for_leader() is primary, "nobody has noticed"


def lease_of(cluster):
    """What was granted to the session that the leader key is bound to."""
    found = cluster.etcd.call("kv/range", {"key": encode(cluster.key("leader"))})["kvs"][0]
    return int(cluster.etcd.call("lease/timetolive", {"ID": found["lease"]})["grantedTTL"])


def encode(text):
    import base64
    return base64.b64encode(text.encode()).decode()


def test_without_the_word_a_ttl_is_no_shorter_than_elsewhere(new_cluster):
    cluster = new_cluster(members=("m1",), dcs={**SHORT, "tanist": {"short_lease": False}}).start()
    wait_until("a lease of the usual length", lambda: lease_of(cluster) == 20, 10)
    assert call(cluster.wait_for_leader(), "PATCH", "/config", {**SHORT}).status == 200
    wait_until("a short lease", lambda: lease_of(cluster) == 4, 10)


def burn():
    while True:
        pass


def test_a_store_that_is_not_well_is_no_reason_for_a_failover(short, soak, record_property):
    """One of its three nodes hangs for good, another for up to a second at a time, and both processors have other things to do."""
    primary = short.wait_for_leader()
    leader = short.etcd.leader()
    hangs, pauses = [node for node in range(3) if node != leader][0], leader
    load = [multiprocessing.Process(target=burn, daemon=True) for _ in range(2)]
    over = threading.Event()

    def pause():
        pid = short.etcd.processes[pauses].pid
        number = 0
        while not over.wait(2.5):
            send(pid, signal.SIGSTOP)
            over.wait(0.25 * (1 + number % 4))
            send(pid, signal.SIGCONT)
            number += 1

    pausing = threading.Thread(target=pause)
    began = time.time()
    send(short.etcd.processes[hangs].pid, signal.SIGSTOP)
    try:
        for each in load:
            each.start()
        pausing.start()
        with Writer(short) as writer:
            time.sleep(1800 if soak else 40)
            rows = len(writer.on(primary, after=began))
    finally:
        over.set()
        pausing.join()
        for each in load:
            each.kill()
        send(short.etcd.processes[hangs].pid, signal.SIGCONT)
    record_property("rows written meanwhile", rows)
    assert rows > 0
    lost = [e for e in short.observer.of("/leader", after=began) if e.kind == "delete" or primary.name not in str(e.value)]
    assert not lost, lost[0]
    assert short.wait_for_leader(20) is primary
