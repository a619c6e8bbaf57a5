"""failsafe_mode: without the store the primary leads on while all members let it; one that does not is enough."""
import json
import os
import time

import pytest

from harness.checker import assert_all_is_well, assert_nothing_lost
from harness.member import FAST
from harness.ports import free_port
from harness.processes import wait_until
from harness.proxy import TcpProxy
from harness.rest import call
from harness.writer import Writer

NAMES = ("m1", "m2", "m3")
FAILSAFE = {**FAST, "failsafe_mode": True}
OUTAGE = 60 if os.environ.get("TANIST_SOAK") else FAST["ttl"] + 8


def listed(cluster):
    return json.loads(cluster.etcd.get(cluster.key("failsafe")) or "{}")


def promised(member):
    return call(member, "GET", "/patroni").json.get("failsafe_mode_is_active", False)


@pytest.fixture
def failsafe(new_cluster):
    cluster = new_cluster(dcs=FAILSAFE).start()
    cluster.wait_for_leader()
    wait_until("all in /failsafe", lambda: sorted(listed(cluster)) == sorted(NAMES), 20)
    return cluster


def test_an_outage_of_the_store_costs_no_write(failsafe, record_property):
    primary = failsafe.wait_for_leader()
    wait_until("the primary to tell who is listed", lambda: call(primary, "GET", "/failsafe").json == listed(failsafe), 10)
    with Writer(failsafe) as writer:
        wait_until("rows before the fault", lambda: len(writer.acks) > 20, 10)
        began = time.time()
        failsafe.etcd.kill()
        end = began + OUTAGE
        wait_until("failsafe mode", lambda: promised(primary), FAST["ttl"])
        while time.time() < end:
            assert primary.status("/primary") == 200
            time.sleep(0.5)  # a health check now and then, for the whole outage
        assert all(promised(member) for member in failsafe)
        assert "patroni_failsafe_mode_is_active" in call(primary, "GET", "/metrics").text
        failsafe.etcd.start()
        wait_until("the key to be taken back", lambda: failsafe.leader_key() == primary.name, 20)
        wait_until("the mode to be over", lambda: not promised(primary), 10)
        time.sleep(3)  # a cycle with the store back: its rows count, too
        gap = writer.longest_gap(began, time.time())
        print(f"store away for {OUTAGE} s in failsafe mode: longest gap between two rows {gap * 1000:.0f} ms")
        assert gap < 1
        assert failsafe.wait_for_leader() is primary
        acks = assert_all_is_well(failsafe, writer)
        assert_nothing_lost(failsafe, acks)
        assert len({a.timeline for a in acks}) == 1


def test_one_member_that_does_not_answer_is_enough_to_step_back(failsafe):
    primary = failsafe.wait_for_leader()
    lost = failsafe.replicas()[0]
    with Writer(failsafe) as writer:
        wait_until("rows before the fault", lambda: len(writer.acks) > 20, 10)
        failsafe.etcd.kill()
        wait_until("failsafe mode", lambda: promised(primary), FAST["ttl"])
        lost.kill()
        gone = time.time()
        wait_until("the primary to step down", lambda: not failsafe.primaries(), FAST["ttl"] + 5)
        assert max(a.acked for a in writer.acks) - gone < FAST["ttl"]
        assert "not all members let this one lead on" in primary.log()
        failsafe.etcd.start()
        lost.start()
        back = time.time()
        failsafe.wait_for_leader(FAST["ttl"] + 40)
        wait_until("a row after the outage", lambda: writer.first_after(back), 20)
        failsafe.wait_for_streaming(60)
        acks = assert_all_is_well(failsafe, writer)
        assert_nothing_lost(failsafe, acks)


def test_a_primary_that_alone_is_cut_off_leads_on_and_nobody_else(new_cluster):
    client, peer = free_port(), free_port()
    proxies = {name: TcpProxy("127.0.0.1", client) for name in NAMES}
    cluster = new_cluster(dcs=FAILSAFE, proxies=proxies)
    cluster.etcd.ports = [(client, peer)]
    try:
        cluster.start()
        primary = cluster.wait_for_leader()
        wait_until("all in /failsafe", lambda: sorted(listed(cluster)) == sorted(NAMES), 20)
        with Writer(cluster) as writer:
            wait_until("rows before the fault", lambda: len(writer.acks) > 20, 10)
            cut = time.time()
            proxies[primary.name].set("drop")
            wait_until("the key to end", lambda: not cluster.leader_key(), 2 * FAST["ttl"])
            time.sleep(5)  # the others see that nobody leads, and have promised
            assert not cluster.leader_key()
            assert primary.status("/primary") == 200
            assert all(r.status("/replica") == 200 for r in cluster if r is not primary)
            proxies[primary.name].set("pass")
            wait_until("the key to be taken back", lambda: cluster.leader_key() == primary.name, 20)
            assert writer.longest_gap(cut, time.time()) < 1
            acks = assert_all_is_well(cluster, writer)
            assert len({a.timeline for a in acks}) == 1
    finally:
        for proxy in proxies.values():
            proxy.close()


def test_what_was_promised_is_kept_by_the_next_daemon(failsafe):
    primary = failsafe.wait_for_leader()
    replicas = failsafe.replicas()
    question = {"name": primary.name, "conn_url": f"postgres://127.0.0.1:{primary.port}/postgres",
                "api_url": f"http://127.0.0.1:{primary.rest_port}/patroni", "slots": {}, "tanist_valid_for": 40}
    for member in replicas:
        answer = call(member, "POST", "/failsafe", question)
        assert (answer.status, answer.text) == (200, "Accepted")
        assert int(answer.headers["lsn"]) > 0
    given = time.time()
    for member in replicas:
        member.kill()
        member.start()
    primary.kill()
    primary.kill_postgres()
    new = failsafe.wait_for_leader(40 + 30, other_than=primary)
    assert time.time() - given >= 40, "promised for 40 s"
    assert new in replicas


def test_who_may_lead_promises_nothing_and_a_wrong_question_is_told_so(failsafe):
    primary, replica = failsafe.wait_for_leader(), failsafe.replicas()[0]
    question = {"name": replica.name, "conn_url": "postgres://127.0.0.1:1/postgres", "api_url": "http://127.0.0.1:1/patroni"}
    answer = call(primary, "POST", "/failsafe", question)
    assert (answer.status, answer.text) == (500, "Running as a leader")
    answer = call(replica, "POST", "/failsafe", question)
    assert (answer.status, answer.text) == (500, "this member has the same name")
    for wrong, why in (({**question, "name": ""}, "name: a text that is not empty is needed"),
                       ({**question, "slots": {"a": -1}}, "slots.a: a position in bytes is needed"),
                       ({**question, "tanist_valid_for": 1e9}, "tanist_valid_for: seconds from 0 to 86400 are needed")):
        answer = call(replica, "POST", "/failsafe", wrong)
        assert (answer.status, answer.text) == (400, why)
    assert not promised(replica)
    assert call(primary, "PATCH", "/config", {"failsafe_mode": None}).status == 200
    wait_until("the mode to be off", lambda: call(replica, "POST", "/failsafe", {**question, "name": "mx"}).status == 502, 10)
