"""Where a daemon cannot run, its guardian stops PostgreSQL before another may lead; and it stops nothing else."""
import os
import re
import signal
import time

import pytest

from harness.checker import assert_all_is_well, assert_nothing_lost, assert_one_primary_at_a_time
from harness.guardian import resident_kb
from harness.processes import alive, processes_of, send, wait_until
from harness.rest import call
from harness.writer import LoopWriters, Writer


def rounds(soak):
    return 30 if soak else 3


def guardian_says(member):
    return call(member, "GET", "/patroni").json.get("tanist_guardian")


def wait_until_guarded(member):
    wait_until(f"the guardian of {member.name} to be armed", lambda: guardian_says(member) == "armed", 15)
    return member.guardian()


def taken_by_another(cluster, old, after):
    """When the key of another member was first seen."""
    def put():
        return next((e.when for e in cluster.observer.of("/leader", "put", after=after) if old.name not in str(e.value)),
                    None)
    return wait_until("another to take the key", put, cluster.dcs["ttl"] + 20)


def test_a_frozen_daemon_writes_nothing_after_another_was_elected(cluster, soak, record_property):
    """The frozen daemon is thawed only after the election: nobody but the guardian can have stopped its PostgreSQL."""
    before_the_key = []
    with Writer(cluster) as writer:
        for number in range(rounds(soak)):
            old = cluster.wait_for_leader(60)
            wait_until_guarded(old)
            wait_until("rows", lambda: len(writer.on(old, after=time.time() - 2)) > 20, 20)
            began = time.time()
            send(old.pid, signal.SIGSTOP)
            elected = taken_by_another(cluster, old, began)
            wait_until("rows on the new primary",
                       lambda: any(a.member != old.name for a in list(writer.acks) if a.sent > elected), 30)
            assert not processes_of(old.data), "its PostgreSQL is gone although its daemon is frozen"
            send(old.pid, signal.SIGCONT)
            time.sleep(1)
            late = [a for a in writer.on(old) if a.acked >= elected and a.sent < elected + 10]
            assert not late, f"round {number}: {late[0]} was acknowledged after {elected:.3f}"
            last = max(a.acked for a in writer.on(old))
            before_the_key.append(elected - last)
            cluster.wait_for_leader(30, other_than=old)
            cluster.wait_for_streaming(90)
        assert_all_is_well(cluster, writer)
    record_property("seconds from the last row of the old primary to the key of the new one",
                    " ".join(f"{s:.2f}" for s in sorted(before_the_key)))
    print("from the last row to the next key, s:", " ".join(f"{s:.2f}" for s in sorted(before_the_key)))


def test_a_daemon_killed_and_restarted_within_the_lease_leaves_postgresql_undisturbed(cluster, writer, soak):
    primary = cluster.wait_for_leader()
    guardian = wait_until_guarded(primary)
    wait_until("rows", lambda: len(writer.acks) > 20, 10)
    postmaster, began = primary.postmaster(), time.time()
    for _ in range(rounds(soak)):
        primary.kill()
        time.sleep(1)
        after = len(primary.log())
        primary.start()
        primary.wait_for_log("a guardian is armed", 10, after=after)
        wait_until("its REST API", lambda: primary.status("/primary") == 200, 15)
        assert wait_until_guarded(primary) == guardian, "the guardian has gone on as well"
    time.sleep(cluster.dcs["ttl"])  # past the deadline that the first daemon had set
    assert primary.postmaster() == postmaster
    assert writer.longest_gap(began, time.time()) < 1
    assert_nothing_lost(cluster, assert_all_is_well(cluster, writer))


def test_a_daemon_that_stays_dead_takes_its_postgresql_along_before_another_leads(cluster, soak):
    for _ in range(rounds(soak)):
        old = cluster.wait_for_leader(60)
        wait_until_guarded(old)
        with Writer(cluster) as writer:
            old.query("DELETE FROM promises WHERE writer LIKE 'loop%'")
            loops = LoopWriters(cluster, old, sessions=2).start()
            wait_until("busy sessions", lambda: len(loops.rows()) > 20, 20)
            began = time.time()
            old.kill()
            elected = taken_by_another(cluster, old, began)
            wait_until("the busy sessions to end", loops.ended, 5)
            assert not processes_of(old.data)
            rows = loops.stop()
            assert max(clock for _, _, clock in rows) < elected, "they commit without waiting for anybody"
            old.start()
            cluster.wait_for_leader(30, other_than=old)
            cluster.wait_for_streaming(90)
            assert_one_primary_at_a_time(writer.stop())


def test_daemon_and_guardian_killed_together(cluster, writer):
    """Nobody is left to stop PostgreSQL: the daemon that comes back within the lease finds it, and arms another guardian."""
    primary = cluster.wait_for_leader()
    guardian = wait_until_guarded(primary)
    wait_until("rows", lambda: len(writer.acks) > 20, 10)
    postmaster = primary.postmaster()
    primary.kill()
    send(guardian, signal.SIGKILL)
    time.sleep(1)
    primary.start()
    assert wait_until_guarded(primary) != guardian
    time.sleep(cluster.dcs["ttl"])
    assert primary.postmaster() == postmaster and cluster.wait_for_leader() is primary
    assert_nothing_lost(cluster, assert_all_is_well(cluster, writer))


def test_a_guardian_that_is_killed_or_hangs_is_replaced_and_armed(cluster, writer, soak):
    primary = cluster.wait_for_leader()
    postmaster = primary.postmaster()
    for number in range(rounds(soak)):
        guardian = wait_until_guarded(primary)
        began = time.monotonic()
        send(guardian, signal.SIGKILL if number % 3 else signal.SIGSTOP)
        wait_until("another guardian", lambda: primary.guardian() not in (None, guardian), 20)
        new = wait_until_guarded(primary)
        assert not alive(guardian)
        if number % 3:
            assert time.monotonic() - began < 5
        assert resident_kb(new) < 2048
    # The last one is as good as the first.
    send(primary.pid, signal.SIGSTOP)
    wait_until("PostgreSQL to end", lambda: not alive(postmaster), cluster.dcs["ttl"] + 5)
    send(primary.pid, signal.SIGCONT)
    cluster.wait_for_streaming(90)
    assert_one_primary_at_a_time(writer.stop())


def test_in_pause_nobody_kills_although_the_store_is_gone(cluster, writer):
    primary = cluster.wait_for_leader()
    wait_until_guarded(primary)
    assert call(primary, "PATCH", "/config", {"pause": True}).status == 200
    wait_until("the guardian to be disarmed", lambda: guardian_says(primary) == "ready", 15)
    postmaster = primary.postmaster()
    cluster.etcd.kill()
    primary.kill()
    time.sleep(cluster.dcs["ttl"] + 5)
    assert primary.postmaster() == postmaster and primary.value("SELECT NOT pg_is_in_recovery()")
    cluster.etcd.start()
    primary.start()
    cluster.wait_for_leader(30)
    assert call(primary, "PATCH", "/config", {"pause": None}).status == 200
    wait_until_guarded(primary)
    assert primary.postmaster() == postmaster


def test_an_orderly_stop_leaves_no_guardian_behind(new_cluster):
    cluster = new_cluster(members=("m1", "m2")).start()
    members = list(cluster)
    assert all(m.guardian() for m in members), "replicas have one ready"
    for member in members:
        guardian = member.guardian()
        assert member.stop() == 0
        wait_until("the guardian to end", lambda: not alive(guardian), 5)


def test_a_replica_is_left_alone_whatever_becomes_of_its_daemon(new_cluster):
    cluster = new_cluster(members=("m1", "m2")).start()
    replica = cluster.replicas()[0]
    assert guardian_says(replica) == "ready"
    postmaster = replica.postmaster()
    send(replica.pid, signal.SIGSTOP)
    time.sleep(cluster.dcs["ttl"] + 3)
    assert replica.postmaster() == postmaster
    send(replica.pid, signal.SIGCONT)
    cluster.wait_for_streaming(30)


def test_without_a_program_an_automatic_one_is_done_without_and_a_required_one_keeps_from_leading(new_cluster):
    cluster = new_cluster(members=("m1", "m2"), overrides={"guard": {"command": "/nonexistent/tanist-guard"}}).start()
    primary = cluster.wait_for_leader()
    primary.wait_for_log("no guardian watches over this primary", 10)
    assert guardian_says(primary) == "missing"
    replica = cluster.replicas()[0]
    # It hears of it while it leads, and gives way to one that has a guardian.
    replica.write_configuration(guard={"mode": "required", "command": str(replica.bin_dir / "tanist-guard")})
    replica.reload()
    wait_until("its guardian", lambda: guardian_says(replica) == "ready", 20)
    primary.write_configuration(guard={"mode": "required"})
    primary.reload()
    primary.wait_for_log(re.escape("Demoting self because watchdog could not be activated"), 30)
    assert cluster.wait_for_leader(60, other_than=primary) is replica
    wait_until_guarded(replica)
    assert call(primary, "GET", "/patroni").json["watchdog_failed"] is True


@pytest.mark.skipif(os.geteuid() != 0, reason="real-time priority takes root")
def test_its_guardian_gets_no_priority_by_itself_and_says_so(new_cluster):
    cluster = new_cluster(members=("m1",)).start()
    cluster["m1"].wait_for_log("guardian: could not get real-time priority", 10)
