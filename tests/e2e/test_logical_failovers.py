"""A subscriber goes on after each of many failovers, with no gap: no change that was acknowledged to a client is missing,
and from PostgreSQL 17 on it has nothing that the cluster has not."""
import random
import time

import pytest

from harness import versions
from harness.processes import wait_until
from harness.rest import call
from harness.subscriber import Subscriber
from harness.writer import TABLE, Writer

SLOT = "feed"
PARAMETERS = {"wal_level": "logical", "max_wal_senders": 10, "max_replication_slots": 10}


def publishing(new_cluster, major):
    """A cluster whose commits wait for a standby, and who publishes all that is written."""
    bin_dir = versions.bin_directory(major) if major != 15 else None
    if major != 15 and not bin_dir:
        pytest.skip(f"PostgreSQL {major} is not here: scripts/postgres-versions {major} brings it")
    dynamic = {"synchronous_mode": True, "maximum_lag_on_failover": 1 << 24, "postgresql": {"parameters": dict(PARAMETERS)}}
    if major >= 17:
        dynamic["tanist"] = {"synchronized_standby_slots": True}
        dynamic["postgresql"]["parameters"]["sync_replication_slots"] = "on"
    options = {"postgres_bin": bin_dir} if bin_dir else {}
    cluster = new_cluster(overrides={"bootstrap": {"dcs": dynamic}}, **options).start()
    primary = cluster.wait_for_leader()
    primary.query(TABLE)
    primary.query("CREATE PUBLICATION everything FOR TABLE promises")
    subscriber = Subscriber(cluster, **options)
    try:
        if major >= 17:
            subscriber.subscribe(SLOT, options="failover = true")
        else:
            slots = {SLOT: {"type": "logical", "database": "postgres", "plugin": "pgoutput"}}
            assert call(primary, "PATCH", "/config", {"slots": slots}).status == 200
            wait_until("the slot", lambda: primary.value(
                "SELECT count(*) FROM pg_replication_slots WHERE slot_name = %s", SLOT), 15)
            subscriber.subscribe(SLOT)
    except BaseException:
        subscriber.stop()
        raise
    return cluster, subscriber


def wait_ready(cluster):
    """Until every standby can go on with the slot, and one of them is synchronous."""
    cluster.wait_for_streaming()
    primary = cluster.wait_for_leader()
    for replica in cluster.replicas():
        wait_until(f"the slot on {replica.name}",
                   lambda: SLOT in replica.rest("/patroni")[1].get("tanist_logical_slots", []), 90)
    wait_until("a synchronous standby", lambda: any(m.rest("/patroni")[1].get("sync_standby") for m in cluster.replicas()), 30)
    return primary


def consumed_by(member):
    return member.value("SELECT active FROM pg_replication_slots WHERE slot_name = %s", SLOT)


def lose_power(member):
    member.kill_everything()


@pytest.mark.parametrize("major", [15, 17])
def test_a_subscriber_misses_nothing_over_random_failovers(new_cluster, soak, major):
    cluster, subscriber = publishing(new_cluster, major)
    rounds = 20 if soak else 3
    dice = random.Random(20310504 + major)
    gaps = []
    kinds = []
    try:
        with Writer(cluster, pause=0.001, commit="on") as writer:
            wait_until("rows to arrive", lambda: len(subscriber.rows()) > 50, 30)
            for number in range(rounds):
                primary = wait_ready(cluster)
                time.sleep(dice.uniform(0.2, 2.5))
                began = time.time()
                # Both kinds in each run.
                if number == 0 or (number > 1 and dice.random() < 0.6):
                    kinds.append("loss")
                    lose_power(primary)
                else:
                    kinds.append("switchover")
                    answer = call(primary, "POST", "/switchover", {"leader": primary.name}, timeout=40)
                    assert answer.status == 200, answer.text
                new = cluster.wait_for_leader(60, other_than=primary)
                first = wait_until("rows on the new primary", lambda: writer.first_after(began, member=new), 30)
                wait_until("the subscription to go on", lambda: consumed_by(new), 60)
                acknowledged = {(a.writer, a.seq) for a in list(writer.acks) if a.acked < first.acked + 0.5}
                wait_until(f"the subscriber to have every row after round {number + 1}",
                           lambda: acknowledged <= subscriber.rows(), 60, interval=0.2)
                gaps.append(time.time() - began)
                if not primary.running():
                    primary.start()
            wait_ready(cluster)
            writer.stop()
            acknowledged = {(a.writer, a.seq) for a in writer.acks}
        primary = cluster.wait_for_leader()

        def missing():
            there = set(primary.query("SELECT writer, seq FROM promises"))
            return (there | acknowledged) - subscriber.rows()
        wait_until("the subscriber to have every row", lambda: not missing(), 60, interval=0.5)
        there, here = set(primary.query("SELECT writer, seq FROM promises")), subscriber.rows()
        assert acknowledged <= there, "a commit that was acknowledged is lost in the cluster itself"
        ahead = here - there
        print(f"PostgreSQL {major}: {rounds} rounds ({kinds.count('loss')} losses of a primary, {kinds.count('switchover')} "
              f"switchovers), {len(acknowledged)} acknowledged rows, {len(here)} at the subscriber, none missing, "
              f"{len(ahead)} that nobody acknowledged and no member has; caught up after {max(gaps):.1f} s at most")
        if major >= 17:
            assert not ahead, f"rows that no member has: {sorted(ahead)[:3]}"
    finally:
        subscriber.stop()
