"""Synchronous replication on real servers: what was acknowledged survives whoever acknowledged it, and commits go on when a
standby dies."""
import json
import os
import random
import signal
import time

import psycopg
import pytest

from harness.checker import assert_all_is_well, assert_nothing_lost
from harness.member import FAST, tanistctl
from harness.processes import wait_until
from harness.rest import call
from harness.writer import Writer


def sync_key(cluster):
    value = json.loads(cluster.etcd.get(cluster.key("sync")) or "{}")
    voters = value.get("sync_standby")
    return value.get("leader"), sorted(voters.split(",")) if voters else [], value.get("quorum")


def names(member):
    return member.value("SHOW synchronous_standby_names")


def configure(cluster, **changes):
    answer = call(cluster.wait_for_leader(), "PATCH", "/config", changes)
    assert answer.status == 200, answer.text


def wait_for_voters(cluster, count, timeout=20):
    def settled():
        leader, voters, _ = sync_key(cluster)
        return voters if leader == cluster.leader_key() and len(voters) == count else None
    return wait_until(f"{count} in /sync", settled, timeout, interval=0.05)


@pytest.fixture
def make(new_cluster):
    def started(**dynamic):
        cluster = new_cluster(dcs={**FAST, **dynamic})
        return cluster.start()
    return started


def test_the_standby_that_is_waited_for_is_listed_and_told(make):
    cluster = make(synchronous_mode=True)
    primary = cluster.wait_for_leader()
    [voter] = wait_for_voters(cluster, 1)
    assert sync_key(cluster) == (primary.name, [voter], 0)
    assert names(primary) == voter
    row = primary.query("SELECT application_name, sync_state FROM pg_stat_replication ORDER BY sync_state DESC")[0]
    assert row == (voter, "sync")
    assert cluster[voter].status("/sync") == 200 and cluster[voter].status("/async") == 503
    other = next(m for m in cluster.replicas() if m.name != voter)
    assert other.status("/sync") == 503 and other.status("/async") == 200
    shown = tanistctl(primary, "list", cluster.scope).stdout
    assert "Sync Standby" in shown, shown


def test_commits_go_on_when_the_synchronous_standby_dies(make):
    cluster = make(synchronous_mode=True)
    primary = cluster.wait_for_leader()
    gaps = []
    with Writer(cluster, commit="on") as writer:
        for _ in range(3):
            [voter] = wait_for_voters(cluster, 1)
            wait_until("rows", lambda: len(writer.on(primary)) > 20, 10)
            began = time.time()
            cluster[voter].kill_postmaster()
            wait_until("the next row", lambda: writer.first_after(began + 0.02, member=primary), 10, interval=0.01)
            time.sleep(1)
            gaps.append(writer.longest_gap(began, time.time()))
            cluster.wait_for_streaming(30)
        print("longest gaps in ms:", [round(1000 * gap) for gap in gaps])
        assert sorted(gaps)[1] < 2, "not the next loop of ten seconds"
        assert_nothing_lost(cluster, assert_all_is_well(cluster, writer))


@pytest.mark.parametrize("mode", [True, "quorum"])
def test_whoever_dies_nothing_that_was_acknowledged_is_lost(make, soak, mode):
    cluster = make(synchronous_mode=mode, synchronous_mode_strict=True)
    dice = random.Random(int(time.time()))
    with Writer(cluster, commit="on") as writer:
        for number in range(50 if soak else 3):
            wait_for_voters(cluster, 1 if mode is True else 2, 60)
            primary = cluster.wait_for_leader()
            wait_until("rows", lambda: len(writer.on(primary)) > 10, 30)
            victims = [primary]
            if dice.random() < 0.4:
                victims.append(dice.choice(cluster.replicas()))
            print(f"round {number}: {[v.name for v in victims]} die")
            for victim in victims:
                victim.kill_everything()
            if len(victims) == 1:
                cluster.wait_for_leader(60, other_than=primary)
            for victim in victims:
                victim.start()
            cluster.wait_for_leader(60)
            cluster.wait_for_streaming(60)
        assert_nothing_lost(cluster, assert_all_is_well(cluster, writer))


def assert_kept_out(primary, client):
    until = time.time() + 3
    while time.time() < until:
        with pytest.raises(psycopg.OperationalError, match="no pg_hba.conf entry"):
            primary.connect(**client)
        assert primary.status("/primary") == 503
    assert primary.rest("/patroni")[1]["tanist_clients_held"] is True


def test_a_crash_shows_clients_nothing_that_no_standby_has(make):
    cluster = make(synchronous_mode=True, synchronous_mode_strict=True, synchronous_node_count=2)
    primary = cluster.wait_for_leader()
    wait_for_voters(cluster, 2)
    primary.query("CREATE ROLE app LOGIN PASSWORD 'app'")
    primary.query("CREATE TABLE orders (id int)")
    primary.query("GRANT ALL ON orders TO app")
    app = {"user": "app", "password": "app"}
    # In strict mode the names stay while nobody is there.
    receivers = [replica.value("SELECT pid FROM pg_stat_wal_receiver") for replica in cluster.replicas()]
    waiting = primary.connect(**app)
    for pid in receivers:
        os.kill(pid, signal.SIGSTOP)
    try:
        waiting.pgconn.send_query(b"INSERT INTO orders VALUES (1)")
        wait_until("the commit to wait", lambda: primary.query(
            "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep'"), 5)
        log = len(primary.log())
        primary.kill_postmaster()
        primary.wait_for_log("Clients are let in once the standbys have what is recovered", 15, after=log)

        def recovered():
            try:
                return primary.value("SELECT count(*) FROM orders")
            except psycopg.OperationalError:
                return None
        assert wait_until("the superuser to be let in", recovered, 15) == 1, "the commit is there"
        assert_kept_out(primary, app)
    finally:
        for pid in receivers:
            os.kill(pid, signal.SIGCONT)

    def let_in():
        try:
            with primary.connect(**app) as connection:
                return connection.execute("SELECT count(*) FROM orders").fetchone()[0]
        except psycopg.OperationalError:
            return None
    assert wait_until("the client to be let in", let_in, 20, interval=0.01) == 1
    _, voters, _ = sync_key(cluster)
    assert voters
    for voter in voters:
        wait_until("its replay", lambda: cluster[voter].value("SELECT count(*) FROM orders") == 1, 2)
    wait_until("/primary", lambda: primary.status("/primary") == 200, 2)
    assert "tanist_clients_held" not in primary.rest("/patroni")[1]


def test_from_mode_to_mode_while_rows_are_written(make):
    cluster = make(synchronous_mode=True)
    with Writer(cluster, commit="on") as writer:
        primary = cluster.wait_for_leader()
        wait_for_voters(cluster, 1)
        configure(cluster, synchronous_mode="quorum")
        voters = wait_for_voters(cluster, 2)
        wait_until("quorum 1", lambda: sync_key(cluster)[2] == 1, 10)
        wait_until("any of both", lambda: names(primary) == f"ANY 1 ({','.join(voters)})", 10)
        configure(cluster, synchronous_node_count=2)
        wait_until("both are waited for", lambda: sync_key(cluster)[2] == 0, 20)
        wait_until("both in the list", lambda: names(primary) == f"ANY 2 ({','.join(voters)})", 10)
        configure(cluster, synchronous_mode="off",
                  postgresql={"parameters": {"synchronous_standby_names": f"ANY 1 ({voters[0]})"}})
        wait_until("/sync is gone", lambda: cluster.etcd.get(cluster.key("sync")) in (None, ""), 20)
        wait_until("the list of the user", lambda: names(primary) == f"ANY 1 ({voters[0]})", 20)
        configure(cluster, synchronous_mode=True, synchronous_node_count=1)
        [voter] = wait_for_voters(cluster, 1)
        assert names(primary) == voter
        assert_nothing_lost(cluster, assert_all_is_well(cluster, writer))


def test_strict_mode_waits_where_nobody_is_left(make):
    cluster = make(synchronous_mode=True, synchronous_mode_strict=True)
    primary = cluster.wait_for_leader()
    wait_for_voters(cluster, 1)
    with Writer(cluster, commit="on") as writer:
        wait_until("rows", lambda: len(writer.on(primary)) > 10, 10)
        replicas = cluster.replicas()
        for replica in replicas:
            replica.kill_everything()
        wait_until("their WAL senders to end", lambda: not primary.query("SELECT 1 FROM pg_stat_replication"), 20)
        acked = len(writer.acks)
        time.sleep(3)
        assert len(writer.acks) == acked, "a commit was acknowledged without a standby"
        replicas[0].start()
        wait_until("rows again", lambda: len(writer.acks) > acked, 60)
        replicas[1].start()
        assert_nothing_lost(cluster, assert_all_is_well(cluster, writer))


def test_a_switchover_goes_to_a_synchronous_standby(make):
    cluster = make(synchronous_mode=True)
    primary = cluster.wait_for_leader()
    [voter] = wait_for_voters(cluster, 1)
    other = next(m for m in cluster.replicas() if m.name != voter)
    with Writer(cluster, commit="on") as writer:
        wait_until("rows", lambda: len(writer.on(primary)) > 10, 10)
        refused = call(primary, "POST", "/switchover", {"leader": primary.name, "candidate": other.name}, timeout=30)
        assert refused.status == 412, refused.text
        done = call(primary, "POST", "/switchover", {"leader": primary.name, "candidate": voter}, timeout=40)
        assert done.status == 200, done.text
        wait_for_voters(cluster, 1)
        assert_nothing_lost(cluster, assert_all_is_well(cluster, writer))


def test_a_daemon_that_is_restarted_keeps_what_commits_wait_for(make):
    cluster = make(synchronous_mode=True)
    primary = cluster.wait_for_leader()
    [voter] = wait_for_voters(cluster, 1)
    primary.kill()
    before = len(primary.log())
    primary.start()
    primary.wait_for_log("no action. I am", 30, after=before)
    assert names(primary) == voter and sync_key(cluster) == (primary.name, [voter], 0)
    assert f"Assigning synchronous_standby_names to {voter}" not in primary.log()[before:]
