"""kill -9 of the postmaster: writable again at once, nothing acknowledged is lost, nobody writes behind its back."""
import time

import pytest

from harness.checker import assert_all_is_well, assert_nothing_lost
from harness.member import FAST
from harness.processes import wait_until
from harness.writer import LoopWriters, Writer


def test_the_primary_comes_back_in_place_and_loses_nothing(cluster, writer):
    primary = cluster.wait_for_leader()
    wait_until("rows before the fault", lambda: len(writer.acks) > 20, 10)
    timeline = writer.acks[-1].timeline
    killed = time.time()
    old = primary.kill_postmaster()
    first = wait_until("a row after the fault", lambda: writer.first_after(killed + 0.02), 15)
    wait_until("a new postmaster", lambda: primary.postmaster() not in (None, old), 15)
    assert first.acked - killed < 5, "long before any lease could have run out"
    acks = assert_all_is_well(cluster, writer)
    assert_nothing_lost(cluster, acks)
    assert {a.timeline for a in acks} == {timeline}, "restart in place: nobody was promoted"
    assert len(cluster.observer.of("/leader", "delete")) == 0, "the key stayed where it was"


def test_a_replica_comes_back_by_itself(cluster, writer):
    replica = cluster.replicas()[0]
    old = replica.kill_postmaster()
    wait_until("a new postmaster", lambda: replica.postmaster() not in (None, old), 20)
    assert_nothing_lost(cluster, assert_all_is_well(cluster, writer))


def loops_on(cluster, primary):
    loops = LoopWriters(cluster, primary, sessions=4).start()
    wait_until("rows of all four sessions", lambda: len({s for s, _, _ in loops.rows()}) == 4, 20)
    time.sleep(0.5)  # all four are in the midst of it
    return loops


def assert_written_in_time(cluster, primary, new, rows, *, killed):
    """No row of the loops is younger than the release of the key, or than the server that came after theirs."""
    last = max(clock for _, _, clock in rows)
    for event in cluster.observer.of("/leader", "delete", after=killed):
        assert last < event.when, f"a row was acknowledged {last - event.when:.3f} s after the key was released"
    started = float(new.value("SELECT extract(epoch FROM pg_postmaster_start_time())"))
    if new is primary:
        assert last < started, f"a row was acknowledged {last - started:.3f} s after PostgreSQL came back"
        there = set(new.query("SELECT writer, seq FROM promises"))
        lost = [row for row in rows if row[:2] not in there]
        assert not lost, f"{len(lost)} acknowledged rows are lost, the first {lost[0]}"


@pytest.mark.parametrize("in_place", [True, False], ids=["restart-in-place", "fail-over"])
def test_sessions_in_a_server_side_loop_write_nothing_after_it(new_cluster, in_place):
    """Orphaned backends go on committing until they wait for something. None may do so once the key was given up, or
    PostgreSQL runs again."""
    cluster = new_cluster(dcs={**FAST, "primary_start_timeout": 300 if in_place else 0}).start()
    primary = cluster.wait_for_leader()
    with Writer(cluster) as writer:
        loops = loops_on(cluster, primary)
        killed = time.time()
        old = primary.kill_postmaster()
        if in_place:
            wait_until("a new postmaster", lambda: primary.postmaster() not in (None, old), 20)
            new = cluster.wait_for_leader(45)
            assert new is primary
        else:
            new = cluster.wait_for_leader(45, other_than=primary)
            assert cluster.observer.of("/leader", "delete", after=killed), "given up, not taken away"
        wait_until("all sessions to end", loops.ended, 10)
        assert_written_in_time(cluster, primary, new, loops.stop(), killed=killed)
        wait_until("rows after the fault", lambda: writer.first_after(killed, member=new), 10)
        acks = assert_all_is_well(cluster, writer)
    if in_place:
        assert_nothing_lost(cluster, acks)


def test_orphans_of_a_postmaster_killed_with_its_daemon_end_before_anything_else(new_cluster):
    """Nobody is there to end the busy sessions for a second. The daemon that comes back ends them first."""
    cluster = new_cluster().start()
    primary = cluster.wait_for_leader()
    with Writer(cluster) as writer:
        loops = loops_on(cluster, primary)
        killed = time.time()
        primary.kill()
        primary.kill_postmaster()
        time.sleep(1)  # as long as a service manager takes to start it again
        went_on = [clock for _, _, clock in loops.rows() if clock > killed + 0.5]
        assert went_on, "the sessions did not outlive their postmaster: this test would prove nothing"
        primary.start()
        wait_until("all sessions to end", loops.ended, 20)
        new = cluster.wait_for_leader(45)
        assert_written_in_time(cluster, primary, new, loops.stop(), killed=killed)
        wait_until("rows after the fault", lambda: writer.first_after(killed, member=new), 10)
        acks = assert_all_is_well(cluster, writer)
    if new is primary:
        assert_nothing_lost(cluster, acks)
