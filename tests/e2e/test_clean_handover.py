"""SIGTERM of the primary's daemon hands over to a replica that has everything: nothing is lost, and it is quick."""
import os
import re
import time

import pytest

from harness.checker import assert_all_is_well, assert_nothing_lost
from harness.processes import wait_until
from harness.writer import Writer


def test_nothing_is_lost_when_the_primary_is_stopped(cluster, writer):
    stopped = []
    for _ in range(2):
        primary = cluster.wait_for_leader()
        wait_until("rows on this primary", lambda: len(writer.on(primary)) > 20, 10)
        asked = time.time()
        before = len(primary.log())
        assert primary.stop() == 0
        assert primary.postmaster() is None, "PostgreSQL is stopped with its daemon"
        new = cluster.wait_for_leader(20, other_than=primary)
        first = wait_until("a row on the new primary", lambda: writer.first_after(asked, member=new), 10)
        assert first.acked - asked < 5, "the key is handed over, not left to expire"
        stopped.append((primary, before))
        primary.start()
        cluster.wait_for_streaming(60)
    for member, before in stopped:
        since = member.log()[before:]
        assert "postmaster" in since or "PostgreSQL" in since, "its log goes on after the stop"
        assert not re.search("pg_rewind|rewind", since), "a clean stop needs no rewind"
    assert_nothing_lost(cluster, assert_all_is_well(cluster, writer))


def test_a_clean_stop_needs_no_rewind_wherever_the_daemon_was_started(new_cluster):
    """As by `sudo -u postgres` from the home of root: a directory that is closed to the daemon and its programs."""
    if os.geteuid() != 0:
        pytest.skip("a directory that is closed to the daemon's user needs root: run scripts/test as root, or with sudo")
    cluster = new_cluster(members=("m1", "m2")).start_store()
    closed = cluster.directory / "closed"
    closed.mkdir(mode=0o700)
    first, second = cluster["m1"].start(directory=closed), cluster["m2"]
    cluster.wait_for_leader(40)
    second.start(directory=closed)
    cluster.wait_for_streaming(40, names=["m2"])
    with Writer(cluster) as writer:
        wait_until("rows on this primary", lambda: len(writer.on(first)) > 20, 10)
        assert first.stop() == 0
        cluster.wait_for_leader(20, other_than=first)
        before = len(first.log())
        first.start(directory=closed)
        cluster.wait_for_streaming(60)
        assert "could not change directory" in first.log(), "the directory is closed, or this test would prove nothing"
        assert "rewind" not in first.log()[before:]
        assert_nothing_lost(cluster, assert_all_is_well(cluster, writer))


def test_stopping_a_replica_disturbs_nobody(cluster, writer):
    primary = cluster.wait_for_leader()
    replica = cluster.replicas()[0]
    began = time.time()
    assert replica.stop() == 0
    assert time.time() - began < 5
    assert replica.postmaster() is None
    time.sleep(3)  # a cycle and more: what must not happen has had its chance
    assert cluster.wait_for_leader() is primary
    assert writer.longest_gap(began, time.time()) < 1
    replica.start()
    assert_nothing_lost(cluster, assert_all_is_well(cluster, writer))


def test_all_members_can_be_stopped_and_started_again(cluster, writer):
    wait_until("rows", lambda: len(writer.acks) > 20, 10)
    for member in cluster:
        member.terminate()
    assert [member.wait(40) for member in cluster] == [0, 0, 0]
    assert not any(member.postmaster() for member in cluster)
    assert cluster.leader_key() is None
    for member in cluster:
        member.start()
    cluster.wait_for_leader(40)
    assert_nothing_lost(cluster, assert_all_is_well(cluster, writer))
