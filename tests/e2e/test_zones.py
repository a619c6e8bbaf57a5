"""Zones: no commit is acknowledged before a member of another zone has it, and when the whole zone of the primary is lost the
other leads with every one of them."""
import json
import os
import re
import signal
import time

import pytest

from harness.checker import assert_all_is_well, assert_nothing_lost
from harness.member import FAST, tanistctl
from harness.processes import wait_until
from harness.rest import call
from harness.writer import Writer

ZONES = {"m1": "a", "m2": "a", "m3": "b", "m4": "b"}


def in_zone(cluster, zone):
    return [m for m in cluster if ZONES[m.name] == zone]


def elsewhere(cluster, member):
    return [m for m in cluster if ZONES[m.name] != ZONES[member.name]]


def voters(cluster):
    value = json.loads(cluster.etcd.get(cluster.key("sync")) or "{}")
    return value.get("leader"), [name for name in (value.get("sync_standby") or "").split(",") if name], value.get("quorum")


def settled(cluster, count):
    """Until so many vote, and /sync says that members of other zones have each commit."""
    def met():
        leader, listed, quorum = voters(cluster)
        if leader != cluster.leader_key() or len(listed) != count:
            return None
        own = [name for name in listed if ZONES[name] == ZONES[leader]]
        return listed if len(listed) - quorum - len(own) >= 1 else None
    return wait_until("another zone in /sync", met, 30, interval=0.05)


def walreceivers(members):
    return [m.value("SELECT pid FROM pg_stat_wal_receiver") for m in members]


def acknowledged(writer, seconds):
    before = len(writer.acks)
    time.sleep(seconds)
    return len(writer.acks) - before


@pytest.fixture
def make(new_cluster):
    def started(names=("m1", "m2", "m3", "m4"), **dynamic):
        cluster = new_cluster(members=names, dcs={**FAST, **dynamic},
                              member_overrides={name: {"tags": {"zone": ZONES[name]}} for name in names})
        return cluster.start()
    return started


@pytest.mark.parametrize("mode", [True, "quorum"])
def test_commits_wait_for_another_zone_and_survive_the_loss_of_one(make, mode):
    cluster = make(synchronous_mode=mode, synchronous_zones={"min_other_zones": 1})
    primary = cluster.wait_for_leader()
    count = 1 if mode is True else 3
    settled(cluster, count)
    others = elsewhere(cluster, primary)
    shown = tanistctl(primary, "list", cluster.scope).stdout
    assert f"zone: {ZONES[primary.name]}" in shown and "Members of other zones" not in shown, shown
    with Writer(cluster, commit="on") as writer:
        wait_until("rows", lambda: len(writer.on(primary)) > 20, 10)
        frozen = walreceivers(others)
        for pid in frozen:
            os.kill(pid, signal.SIGSTOP)
        try:
            time.sleep(0.3)
            assert acknowledged(writer, 3) == 0, "a commit was acknowledged that no other zone has"
        finally:
            for pid in frozen:
                os.kill(pid, signal.SIGCONT)
        wait_until("rows again", lambda: acknowledged(writer, 0.5) > 5, 20)
        # Of the primary's own zone nobody is needed.
        near = [m for m in in_zone(cluster, ZONES[primary.name]) if m is not primary]
        frozen = walreceivers(near)
        for pid in frozen:
            os.kill(pid, signal.SIGSTOP)
        try:
            time.sleep(0.3)
            assert acknowledged(writer, 2) > 0
        finally:
            for pid in frozen:
                os.kill(pid, signal.SIGCONT)

        lost = in_zone(cluster, ZONES[primary.name])
        for member in lost:
            member.kill_everything()
        winner = cluster.wait_for_leader(60, other_than=primary)
        assert winner in others
        wait_until("rows on the new primary", lambda: len(writer.on(winner)) > 5, 40)
        for member in lost:
            member.start()
        cluster.wait_for_streaming(60)
        settled(cluster, count)
        assert_nothing_lost(cluster, assert_all_is_well(cluster, writer))


def test_without_another_zone_commits_go_on_or_wait_as_strict_mode_says(make):
    cluster = make(names=("m1", "m2", "m3"), synchronous_mode="quorum", synchronous_zones={"min_other_zones": 1})
    settled(cluster, 2)
    primary = cluster.wait_for_leader()
    if primary.name == "m3":  # alone in its zone: the story is about the loss of that one
        assert call(primary, "POST", "/switchover", {"leader": "m3", "candidate": "m1"}, timeout=40).status == 200
        primary = cluster.wait_for_leader(other_than="m3")
        cluster.wait_for_streaming()
        settled(cluster, 2)
    with Writer(cluster, commit="on") as writer:
        wait_until("rows", lambda: len(writer.on(primary)) > 10, 10)
        cluster["m3"].kill_everything()
        wait_until("rows without it", lambda: acknowledged(writer, 0.5) > 5, 30)
        primary.wait_for_log("0 of the 1 members of other zones", 20)
        wait_until("list to say so", lambda: "Members of other zones than a that have each commit: 0 of 1" in
                   tanistctl(primary, "list", cluster.scope).stdout, 20)
        wait_until("the metric to say so", lambda: re.search(r"^tanist_sync_other_zones{.*} 0$",
                                                              call(primary, "GET", "/metrics").text, re.M), 10)
        findings = tanistctl(primary, "doctor", cluster.scope, timeout=30).stdout
        assert "by /sync 0 of the 1 members of other zones than a have each commit" in findings, findings
        cluster["m3"].start()
        cluster.wait_for_streaming()
        settled(cluster, 2)

        changed = call(primary, "PATCH", "/config", {"synchronous_mode_strict": True})
        assert changed.status == 200, changed.text
        wait_until("rows", lambda: acknowledged(writer, 0.5) > 5, 10)
        cluster["m3"].kill_everything()
        wait_until("its WAL sender to end",
                   lambda: primary.value("SELECT count(*) FROM pg_stat_replication WHERE application_name = 'm3'") == 0, 20)
        time.sleep(0.5)
        assert acknowledged(writer, 3) == 0, "strict: a commit was acknowledged that no other zone has"
        cluster["m3"].start()
        wait_until("rows again", lambda: acknowledged(writer, 0.5) > 5, 60)
        assert_nothing_lost(cluster, assert_all_is_well(cluster, writer))


def test_what_is_wrong_is_refused_and_changes_nothing(make):
    cluster = make(names=("m1", "m2", "m3"), synchronous_mode=True, synchronous_mode_strict=True)
    primary = cluster.wait_for_leader()
    before = cluster.etcd.get(cluster.key("config"))

    def refused(zones, words):
        for method, body in (("PATCH", {"synchronous_zones": zones}),
                             ("PUT", {**json.loads(before), "synchronous_zones": zones})):
            answer = call(primary, method, "/config", body)
            assert answer.status == 400 and words in answer.text, answer.text
        edited = tanistctl(primary, "edit-config", cluster.scope, "--force", "-s",
                           f"synchronous_zones={json.dumps(zones)}", timeout=20)
        assert edited.returncode == 1 and words in edited.stdout + edited.stderr, edited
        assert cluster.etcd.get(cluster.key("config")) == before

    refused({"min_other_zone": 1}, "synchronous_zones.min_other_zone: unknown key")
    refused({"min_other_zones": -1}, "synchronous_zones.min_other_zones: given -1")
    refused({"min_other_zones": "some"}, "synchronous_zones.min_other_zones: given")
    refused({"prefer": "b"}, "synchronous_zones.prefer: given")
    refused([1], "synchronous_zones: given a list")
    refused({"min_other_zones": 3}, "no commit would be acknowledged")

    # A member of other make, as its key in the store tells it.
    cluster.etcd.put(cluster.key("members/p1"), json.dumps({
        "conn_url": "postgres://127.0.0.1:1/postgres", "api_url": "http://127.0.0.1:1/patroni", "state": "running",
        "role": "replica", "version": "4.1.0"}))
    refused({"min_other_zones": 1}, "members of other make are in the cluster, which know nothing of zones: p1")
    cluster.etcd.delete(cluster.key("members/p1"))
    answer = call(primary, "PATCH", "/config", {"synchronous_zones": {"min_other_zones": 1, "prefer": ["a", "z"]}})
    assert answer.status == 200, answer.text
    settled(cluster, 1)
    assert "names z, a zone in which no member is" in tanistctl(primary, "doctor", cluster.scope, timeout=30).stdout

    # One that comes later is told of, and nothing else happens.
    begin = len(primary.log())
    cluster.etcd.put(cluster.key("members/p1"), json.dumps({
        "conn_url": "postgres://127.0.0.1:1/postgres", "state": "running", "role": "replica", "version": "4.1.0"}))
    primary.wait_for_log("p1 is of other make, which knows nothing of zones", 20, after=begin)
    time.sleep(5)
    assert primary.log()[begin:].count("p1 is of other make") == 1, "once a minute, not each cycle"
    settled(cluster, 1)
