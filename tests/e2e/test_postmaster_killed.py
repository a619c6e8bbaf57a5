"""kill -9 of the postmaster: writable again at once, nothing acknowledged is lost, nobody writes behind its back."""
import time

import pytest

from harness.checker import assert_all_is_well, assert_nothing_lost
from harness.processes import wait_until
from harness.writer import LoopWriters


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


@pytest.mark.parametrize("in_place", [True, False], ids=["restart-in-place", "fail-over"])
def test_sessions_in_a_server_side_loop_write_nothing_after_it(new_cluster, in_place):
    """Orphaned backends go on committing until they wait for something. None may do so once the key was given up, or
    PostgreSQL runs again."""
    dcs = {"ttl": 20, "loop_wait": 2, "retry_timeout": 3, "primary_start_timeout": 300 if in_place else 0}
    cluster = new_cluster(dcs=dcs).start()
    primary = cluster.wait_for_leader()
    loops = LoopWriters(cluster, primary, sessions=4).start()
    wait_until("rows of all four sessions", lambda: len({s for s, _, _ in loops.rows()}) == 4, 20)
    time.sleep(0.5)
    killed = time.time()
    old = primary.kill_postmaster()
    if in_place:
        wait_until("a new postmaster", lambda: primary.postmaster() not in (None, old), 20)
    new = cluster.wait_for_leader(45)
    wait_until("all sessions to end", loops.ended, 10)
    rows = loops.stop()
    last = max(clock for _, _, clock in rows)

    for event in cluster.observer.of("/leader", "delete", after=killed):
        assert last < event.when, f"a row was acknowledged {last - event.when:.3f} s after the key was released"
    started = float(new.value("SELECT extract(epoch FROM pg_postmaster_start_time())"))
    if new is primary:
        assert last < started, f"a row was acknowledged {last - started:.3f} s after PostgreSQL came back"
    there = set(new.query("SELECT writer, seq FROM promises"))
    lost = [row for row in rows if row[:2] not in there]
    if new is primary:
        assert not lost, f"{len(lost)} acknowledged rows are lost, the first {lost[0]}"
    cluster.wait_for_streaming(60)
