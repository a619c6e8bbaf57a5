"""PostgreSQL 17: the primary's synchronized_standby_slots is kept in step with the standbys that may take over, so that no
consumer of a failover slot has what they have not; and one that is gone does not hold consumers up for ever."""
import signal
import time

import pytest

from harness import versions
from harness.processes import POSTGRES_BIN, send, wait_until
from harness.rest import call
from harness.subscriber import Subscriber
from harness.writer import TABLE

SLOT = "feed"
PARAMETERS = {"wal_level": "logical", "max_wal_senders": 10, "max_replication_slots": 10, "sync_replication_slots": "on"}


@pytest.fixture
def published(new_cluster):
    """Three members on 17, and a subscriber with a failover slot."""
    bin_dir = versions.bin_directory(17)
    if not bin_dir:
        pytest.skip("PostgreSQL 17 is not here: scripts/postgres-versions 17 brings it")
    dynamic = {"tanist": {"synchronized_standby_slots": True}, "postgresql": {"parameters": PARAMETERS}}
    cluster = new_cluster(overrides={"bootstrap": {"dcs": dynamic}}, postgres_bin=bin_dir).start()
    primary = cluster.wait_for_leader()
    primary.query(TABLE)
    primary.query("CREATE PUBLICATION everything FOR TABLE promises")
    subscriber = Subscriber(cluster, postgres_bin=bin_dir)
    try:
        subscriber.subscribe(SLOT, options="failover = true")
        yield cluster, subscriber
    finally:
        subscriber.stop()


def listed(primary):
    return primary.value("SHOW synchronized_standby_slots")


def wait_listed(primary, members, timeout=20):
    wanted = ", ".join(sorted(m.name for m in members))
    wait_until(f"{primary.name} to list {wanted or 'nobody'}", lambda: listed(primary) == wanted, timeout)


def wait_synced(replicas):
    for replica in replicas:
        wait_until(f"the slot on {replica.name}",
                   lambda: SLOT in replica.rest("/patroni")[1].get("tanist_logical_slots", []), 60)


def insert(primary, seq):
    primary.query("INSERT INTO promises VALUES ('test', %s)", seq)


def test_the_list_follows_the_standbys_and_goes_with_the_lead(published):
    cluster, subscriber = published
    primary = cluster.wait_for_leader()
    stays, goes = cluster.replicas()
    wait_listed(primary, [stays, goes])
    for replica in (stays, goes):
        assert replica.value("SHOW hot_standby_feedback") == "on"
    insert(primary, 1)
    wait_until("the row", lambda: ("test", 1) in subscriber.rows(), 20)

    # One that is gone is waited for, and then it is not.
    goes.kill_everything()
    insert(primary, 2)
    wait_listed(primary, [stays])
    primary.wait_for_log(rf"WARNING: consumers of failover slots wait no more for {goes.name}: nobody has streamed through it "
                         r"for 2 s")
    wait_until("the row", lambda: ("test", 2) in subscriber.rows(), 20)
    goes.start()
    cluster.wait_for_streaming()
    wait_listed(primary, [stays, goes])

    # The daemon comes and goes, and the list stays.
    primary.kill()
    assert listed(primary) == ", ".join(sorted((stays.name, goes.name)))
    primary.start()
    wait_until("the daemon", lambda: primary.status("/primary") == 200, 20)
    assert listed(primary) == ", ".join(sorted((stays.name, goes.name)))

    wait_synced([stays, goes])
    answer = call(primary, "POST", "/switchover", {"leader": primary.name, "candidate": stays.name}, timeout=40)
    assert answer.status == 200, answer.text
    cluster.wait_for_streaming()
    wait_listed(stays, [primary, goes])
    insert(stays, 3)
    wait_until("the row", lambda: ("test", 3) in subscriber.rows(), 40)
    assert call(stays, "PATCH", "/config", {"tanist": None}).status == 200
    wait_listed(stays, [])


def test_a_consumer_has_nothing_that_a_standby_has_not(published):
    cluster, subscriber = published
    primary = cluster.wait_for_leader()
    replicas = cluster.replicas()
    wait_listed(primary, replicas)
    insert(primary, 1)
    wait_until("the row", lambda: ("test", 1) in subscriber.rows(), 20)
    stopped = [pid for (pid,) in replicas[0].query("SELECT pid FROM pg_stat_wal_receiver")]
    for pid in stopped:
        send(pid, signal.SIGSTOP)
    try:
        insert(primary, 2)
        until = time.monotonic() + 3
        while time.monotonic() < until:
            assert ("test", 2) not in subscriber.rows(), f"{replicas[0].name} has not got it"
            time.sleep(0.2)
    finally:
        for pid in stopped:
            send(pid, signal.SIGCONT)
    wait_until("the row", lambda: ("test", 2) in subscriber.rows(), 20)


def test_an_older_postgresql_says_that_it_cannot(new_cluster):
    if versions.major_version(POSTGRES_BIN) >= 17:
        pytest.skip("this one can")
    cluster = new_cluster(members=("m1",)).start()
    primary = cluster.wait_for_leader()
    assert call(primary, "PATCH", "/config", {"tanist": {"synchronized_standby_slots": True}}).status == 200
    primary.wait_for_log(r"WARNING: tanist\.synchronized_standby_slots has no effect: it needs PostgreSQL 17")
    assert primary.status("/primary") == 200
