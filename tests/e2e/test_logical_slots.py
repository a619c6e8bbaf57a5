"""Permanent logical slots: a subscription follows the primary through a switchover and a failover, and misses nothing."""
import signal
import time

import pytest

from harness.processes import send, wait_until
from harness.rest import call
from harness.subscriber import Subscriber
from harness.writer import TABLE, Writer

SLOT = "feed"
PARAMETERS = {"wal_level": "logical", "max_wal_senders": 10, "max_replication_slots": 10}


@pytest.fixture
def published(new_cluster):
    """Three members with a permanent logical slot, a subscriber, and a writer."""
    cluster = new_cluster(overrides={"bootstrap": {"dcs": {"postgresql": {"parameters": PARAMETERS}}}}).start()
    primary = cluster.wait_for_leader()
    assert primary.value("SHOW wal_level") == "logical"
    primary.query(TABLE)
    primary.query("CREATE PUBLICATION everything FOR TABLE promises")
    slots = {SLOT: {"type": "logical", "database": "postgres", "plugin": "pgoutput"}}
    assert call(primary, "PATCH", "/config", {"slots": slots}).status == 200
    wait_until("the slot on the primary", lambda: slot(primary), 15)
    subscriber = Subscriber(cluster)
    try:
        subscriber.subscribe(SLOT)
        with Writer(cluster) as writer:
            yield cluster, subscriber, writer
    finally:
        subscriber.stop()


def slot(member):
    rows = member.query("SELECT plugin, confirmed_flush_lsn::text, catalog_xmin::text, active FROM pg_replication_slots "
                        "WHERE slot_name = %s AND slot_type = 'logical'", SLOT)
    return rows[0] if rows else None


def wait_ready(cluster):
    """Until the slot is on every standby, and can be relied on after a failover."""
    for replica in cluster.replicas():
        wait_until(f"the slot on {replica.name}", lambda: slot(replica), 40)
    for replica in cluster.replicas():
        replica.wait_for_log(rf"INFO: Logical slot {SLOT} is safe to be used after a failover", 60)
    cluster.wait_for_streaming()


def assert_subscriber_has_all(cluster, subscriber, timeout=40):
    """What is on the primary is on the subscriber, nothing less and nothing more."""
    def same():
        there = set(cluster.wait_for_leader().query("SELECT writer, seq FROM promises"))
        here = subscriber.rows()
        assert here <= there, f"rows that no member has: {sorted(here - there)[:3]}"
        return here == there
    wait_until("the subscriber to have every row", same, timeout, interval=0.2)


def test_a_subscription_survives_a_switchover_and_a_failover_without_a_gap(published):
    cluster, subscriber, writer = published
    wait_until("rows to arrive", lambda: len(subscriber.rows()) > 50, 20)
    wait_ready(cluster)
    for replica in cluster.replicas():
        assert replica.value("SHOW hot_standby_feedback") == "on"
    primary = cluster.wait_for_leader()
    # Standbys follow the consumer.
    position = slot(primary)[1]
    for replica in cluster.replicas():
        wait_until(f"the slot on {replica.name} to get on", lambda: replica.value(
            "SELECT confirmed_flush_lsn >= %s::pg_lsn FROM pg_replication_slots WHERE slot_name = %s", position, SLOT), 20)

    candidate, _ = cluster.replicas()
    asked = time.time()
    answer = call(primary, "POST", "/switchover", {"leader": primary.name, "candidate": candidate.name}, timeout=40)
    assert answer.status == 200, answer.text
    wait_until("rows on the new primary", lambda: writer.first_after(asked, member=candidate), 20)
    wait_until("the subscription to go on", lambda: slot(candidate) and slot(candidate)[3], 30)
    assert slot(primary), "the former primary keeps it"

    # Its former primary has to be fit again, or the only other standby takes over.
    mark = {m.name: len(m.log()) for m in cluster}
    cluster.wait_for_streaming()
    time.sleep(6)
    # What a standby has not received when its primary dies is lost with it. The subscriber must not have it either: that is
    # what synchronous replication, or synchronized_standby_slots of 17, is for.
    for (walsender,) in candidate.query("SELECT active_pid FROM pg_replication_slots WHERE slot_name = %s", SLOT):
        send(walsender, signal.SIGSTOP)
    time.sleep(0.5)
    killed = time.time()
    candidate.kill_everything()
    new = cluster.wait_for_leader(45, other_than=candidate)
    wait_until("rows on the next primary", lambda: writer.first_after(killed, member=new), 20)
    wait_until("the subscription to go on", lambda: slot(new) and slot(new)[3], 30)
    assert "Failed to create logical replication slot" not in new.log()[mark[new.name]:]
    assert "was made anew" not in new.log()
    writer.stop()
    assert_subscriber_has_all(cluster, subscriber)


def test_a_slot_that_leaves_the_configuration_goes_everywhere_and_feedback_with_it(published):
    cluster, subscriber, _ = published
    wait_ready(cluster)
    subscriber.value("ALTER SUBSCRIPTION all_of_it DISABLE")
    assert call(cluster.wait_for_leader(), "PATCH", "/config", {"slots": None}).status == 200
    for member in cluster:
        wait_until(f"the slot on {member.name} to be dropped", lambda: slot(member) is None, 20)
        wait_until(f"feedback of {member.name} as configured",
                   lambda: member.value("SHOW hot_standby_feedback") == "off", 15)


def configure(cluster, change):
    assert call(cluster.wait_for_leader(), "PATCH", "/config", change).status == 200


def told_slots(member):
    return member.rest("/patroni")[1].get("tanist_logical_slots")


def test_a_switchover_does_not_go_where_a_consumer_could_not_go_on(new_cluster):
    """In pause standbys are not restarted for a copy of a slot, so they lack it for as long as the test wants."""
    cluster = new_cluster(overrides={"bootstrap": {"dcs": {"postgresql": {"parameters": PARAMETERS}}}}).start()
    primary = cluster.wait_for_leader()
    candidate, other = cluster.replicas()
    definition = {"type": "logical", "database": "postgres", "plugin": "pgoutput"}
    configure(cluster, {"pause": True})
    wait_until("the pause", lambda: all(m.rest("/patroni")[1].get("pause") for m in cluster), 10)
    configure(cluster, {"slots": {SLOT: definition}})
    wait_until("the slot on the primary", lambda: told_slots(primary) == [SLOT], 20)
    for replica in (candidate, other):
        wait_until(f"{replica.name} to tell that it has none", lambda: told_slots(replica) == [], 10)
    asked = {"leader": primary.name, "candidate": candidate.name}
    for member in (primary, candidate, other):
        refused = call(member, "POST", "/switchover", asked, timeout=40)
        assert refused.status == 412, refused.text
        assert refused.text == (f"switchover is not possible: {candidate.name} is not ready to take over the logical slots "
                                f"'{SLOT}'")
    # One that is written into the store by somebody else is refused by the leader.
    cluster.etcd.put(cluster.key("failover"), f'{{"leader":"{primary.name}","member":"{candidate.name}"}}')
    primary.wait_for_log(rf"switchover: {candidate.name} is not ready to take over the logical slots '{SLOT}', it is not "
                         "carried out", 20)
    assert cluster.leader_key() == primary.name and primary.value("SELECT NOT pg_is_in_recovery()")

    configure(cluster, {"pause": None})
    for replica in (candidate, other):
        wait_until(f"{replica.name} to have the slot", lambda: told_slots(replica) == [SLOT], 60)
    cluster.wait_for_streaming()
    answer = call(primary, "POST", "/switchover", asked, timeout=40)
    assert answer.status == 200, answer.text
    assert slot(candidate) and "was made anew" not in candidate.log()

    # Who asks for a failover gets it, and is told what it costs.
    cluster.wait_for_streaming()
    configure(cluster, {"pause": True})
    wait_until("the pause", lambda: all(m.rest("/patroni")[1].get("pause") for m in cluster), 10)
    configure(cluster, {"slots": {SLOT: definition, "audit": definition}})
    wait_until("the slot on the primary", lambda: told_slots(candidate) == ["audit", SLOT], 20)
    wait_until("its position in the store", lambda: "audit" in (cluster.etcd.get(cluster.key("status")) or ""), 10)
    answer = call(candidate, "POST", "/failover", {"candidate": other.name}, timeout=40)
    assert answer.status == 200, answer.text
    candidate.wait_for_log(rf"WARNING: manual failover: {other.name} is not ready to take over the logical slots 'audit'.*: "
                           "their consumers may miss changes")
    other.wait_for_log("WARNING: taking over without the logical slots 'audit': their consumers lose changes")
