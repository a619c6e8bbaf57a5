"""Two clusters, of which one follows the other: it begins as a copy, fails over by itself, follows a switchover of the other,
and both change sides with nothing that was acknowledged lost."""
import json
import time

import pytest

from harness.checker import assert_identical_content, assert_nothing_lost, assert_one_primary_at_a_time, content
from harness.member import FAST, tanistctl
from harness.ports import free_port
from harness.processes import wait_until
from harness.rest import call
from harness.writer import Writer

pytestmark = pytest.mark.xdist_group("standby_cluster")  # four servers at a time are enough


def site(new_cluster, letter, number, *, follows=None):
    """Two members on addresses of their own and one port, so that one list of hosts names them all."""
    dcs = dict(FAST)
    if follows:
        dcs["standby_cluster"] = address(follows)
    cluster = new_cluster(members=(f"{letter}1", f"{letter}2"), dcs=dcs)
    port = free_port()
    for place, member in enumerate(cluster, start=1):
        member.host, member.port = f"127.0.{number}.{place}", port
        listen, rest = f"{member.host}:{port}", f"{member.host}:{member.rest_port}"
        member.write_configuration(postgresql={"listen": listen, "connect_address": listen},
                                   restapi={"listen": rest, "connect_address": rest})
    return cluster


def address(cluster):
    members = list(cluster)
    return {"host": ",".join(m.host for m in members), "port": members[0].port}


def begin(cluster):
    cluster.start_store()
    for member in cluster:
        member.start()
    return cluster


def standby_leader(cluster):
    leading = [m for m in cluster if m.running() and m.status("/standby-leader") == 200]
    return leading[0] if len(leading) == 1 and cluster.leader_key() == leading[0].name else None


def wait_for_following(cluster, other, timeout=60.0):
    """Until `cluster` streams from the other one and has all that it has written so far."""
    lsn = other.wait_for_leader().value("SELECT pg_current_wal_lsn()::text")

    def follows():
        leader = standby_leader(cluster)
        if not leader or leader.value("SELECT status FROM pg_stat_wal_receiver") != "streaming":
            return None
        for member in (m for m in cluster if m.running()):
            if not member.value("SELECT pg_is_in_recovery() AND pg_last_wal_replay_lsn() >= %s::pg_lsn", lsn):
                return None
            if member is not leader and member.status("/replica") != 200:
                return None
            if member is not leader and member.value("SELECT sender_host FROM pg_stat_wal_receiver") != leader.host:
                return None
        return leader

    def patiently():
        try:
            return follows()
        except Exception:  # a server that restarts
            return None

    return wait_until("one cluster to follow the other", patiently, timeout, interval=0.1)


def test_a_standby_cluster_follows_and_fails_over_and_follows_a_switchover(new_cluster):
    main = begin(site(new_cluster, "a", 11))
    first = main.wait_for_leader(60)
    main.wait_for_streaming()
    with Writer(main) as writer:
        wait_until("rows", lambda: len(writer.acks) > 50, 10)
        standby = begin(site(new_cluster, "b", 12, follows=main))
        leader = wait_for_following(standby, main)
        replica = next(m for m in standby if m is not leader)
        leader.wait_for_log("trying to bootstrap a new standby leader", 1)
        leader.wait_for_log(rf"no action. I am \({leader.name}\), the standby leader with the lock", 10)
        replica.wait_for_log(rf"no action. I am \({replica.name}\), a secondary, and following a standby leader", 10)

        # What others see of it.
        assert leader.system_identifier() == first.system_identifier()
        assert [leader.status(p) for p in ("/standby-leader", "/leader", "/primary", "/replica")] == [200, 200, 503, 503]
        assert [replica.status(p) for p in ("/standby-leader", "/leader", "/primary", "/replica")] == [503, 503, 503, 200]
        assert leader.rest("/patroni")[1]["role"] == "standby_leader"
        assert "patroni_standby_leader{" in leader.rest("/metrics")[1]
        assert json.loads(standby.etcd.get(standby.key(f"members/{leader.name}")))["role"] == "standby_leader"
        assert json.loads(standby.etcd.get(standby.key("status")))["optime"] > 0
        assert standby.etcd.get(standby.key("history")) in (None, "[]")
        listed = json.loads(tanistctl(leader, "list", "-f", "json").stdout)
        assert {row["Member"]: row["Role"] for row in listed} == {leader.name: "Standby Leader", replica.name: "Replica"}
        wait_until("slots of the others on the standby leader", lambda: leader.value(
            "SELECT count(*) FROM pg_replication_slots WHERE slot_name = %s AND active", replica.name) == 1, 10)

        # Its leader's host is lost.
        leader.kill_everything()
        wait_until("another standby leader", lambda: standby_leader(standby) is replica, 40)
        wait_for_following(standby, main)
        leader.start()
        wait_for_following(standby, main)

        # A planned change of its leader: nothing is stopped.
        started = {m.name: m.value("SELECT pg_postmaster_start_time()::text") for m in standby}
        answer = call(replica, "POST", "/switchover", {"leader": replica.name, "candidate": leader.name}, timeout=30)
        assert (answer.status, answer.text) == (200, f'Successfully switched over to "{leader.name}"')
        assert wait_for_following(standby, main) is leader
        assert {m.name: m.value("SELECT pg_postmaster_start_time()::text") for m in standby} == started

        # The other cluster changes its primary.
        second = next(m for m in main if m is not first)
        answer = call(first, "POST", "/switchover", {"leader": first.name, "candidate": second.name}, timeout=30)
        assert answer.status == 200
        wait_until("rows on the next primary", lambda: len(writer.on(second)) > 20, 20)
        wait_for_following(standby, main)
        assert standby_leader(standby).value("SELECT received_tli FROM pg_stat_wal_receiver") == 2
        acks = writer.stop()
    assert_one_primary_at_a_time(acks)
    assert_identical_content(main)
    wait_for_following(standby, main)
    assert {content(m) for m in standby} == {content(second)}


def change_sides(leading, following):
    """What an operator does: the one is demoted first, then the other promoted."""
    old, new = leading.wait_for_leader(), standby_leader(following)
    there = address(following)
    done = tanistctl(old, "demote-cluster", "--host", there["host"], "--port", str(there["port"]), "--force",
                     "--timeout", "60", timeout=90)
    assert done.returncode == 0 and "cluster is successfully demoted" in done.stdout, done.stdout + done.stderr
    assert standby_leader(leading) is old, "it keeps its lead"
    assert leading.primaries() == []
    # All that was written before is on the other side, where nobody writes yet.
    lsn = old.value("SELECT pg_last_wal_replay_lsn()::text")
    wait_until("the other side to have everything", lambda: new.value(
        "SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", lsn), 20)
    done = tanistctl(new, "promote-cluster", "--force", "--timeout", "60", timeout=90)
    assert done.returncode == 0 and "cluster is successfully promoted" in done.stdout, done.stdout + done.stderr
    assert following.wait_for_leader(20) is new
    wait_for_following(leading, following)
    following.wait_for_streaming()


def test_both_change_sides_and_back_and_nothing_is_lost(new_cluster):
    one = begin(site(new_cluster, "c", 13))
    one.wait_for_leader(60)
    one.wait_for_streaming()
    acks = []
    other = None
    leading, following = one, None
    for change in range(2):
        with Writer(leading) as writer:
            wait_until("rows", lambda: len(writer.acks) > 100, 20)
            if following is None:
                other = following = begin(site(new_cluster, "d", 14, follows=one))
            wait_for_following(following, leading)
            logs = {m.name: len(m.log()) for m in leading}
            old = leading.wait_for_leader()
            change_sides(leading, following)
            old.wait_for_log("cannot be a real primary in a standby cluster", 1, after=logs[old.name])
            acks += writer.stop()
        leading, following = following, leading
        assert_nothing_lost(leading, acks)
    with Writer(leading) as writer:
        wait_until("rows", lambda: len(writer.acks) > 100, 20)
        acks += writer.stop()
    wait_for_following(following, leading)
    assert_nothing_lost(leading, acks)
    assert_one_primary_at_a_time(acks)
    assert {content(m) for m in one} == {content(m) for m in other}
    assert not any("running pg_rewind" in m.log() for m in [*one, *other]), "a clean change needs no rewind"


def test_a_cluster_that_would_follow_itself_says_so_and_goes_on(new_cluster):
    cluster = begin(site(new_cluster, "e", 15))
    primary = cluster.wait_for_leader(60)
    cluster.wait_for_streaming()
    there = address(cluster)
    refused = tanistctl(primary, "demote-cluster", "--host", there["host"], "--port", str(there["port"]), "--force")
    assert refused.returncode == 1 and "a member of cluster" in refused.stderr
    with Writer(cluster) as writer:
        before = len(primary.log())
        assert call(primary, "PATCH", "/config", {"standby_cluster": there}).status == 400
        config = json.loads(cluster.etcd.get(cluster.key("config")))
        cluster.etcd.put(cluster.key("config"), json.dumps({**config, "standby_cluster": there}))
        primary.wait_for_log("ERROR: standby_cluster names .* a member of this very cluster", 15, after=before)
        began = time.time()
        time.sleep(2 * FAST["loop_wait"] + 1)  # what must not happen has had several cycles
        assert cluster.leader_key() == primary.name and not primary.value("SELECT pg_is_in_recovery()")
        assert writer.longest_gap(began, time.time()) < 1
        assert call(primary, "PATCH", "/config", {"standby_cluster": None}).status == 200
        wait_until("its primary to be one for clients", lambda: primary.status("/primary") == 200, 15)
