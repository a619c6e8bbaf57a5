"""A backend of the leader is killed: PostgreSQL recovers with the postmaster it has. One that does not get there is
replaced, and nobody is sent to it meanwhile."""
import os
import signal
import time

from harness.checker import assert_all_is_well
from harness.member import FAST
from harness.processes import wait_until

TIMEOUT = 10


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        for child in file.read().split():
            try:
                with open(f"/proc/{child}/cmdline") as title:
                    yield int(child), title.read()
            except OSError:
                pass


def hold_recovery(member):
    """Kills the WAL writer and stops the startup process that comes after it. Returns its pid."""
    postmaster = member.postmaster()
    for _ in range(20):
        victim = wait_until("a WAL writer", lambda: next(
            (pid for pid, title in children(postmaster) if "walwriter" in title or "wal writer" in title), None), 20)
        os.kill(victim, signal.SIGKILL)
        deadline = time.time() + 5
        while time.time() < deadline:
            held = next((pid for pid, title in children(postmaster) if "startup" in title), None)
            if held:
                try:
                    os.kill(held, signal.SIGSTOP)
                    time.sleep(0.05)  # one that had ended already is reaped by then
                    if any(pid == held for pid, _ in children(postmaster)):
                        return held
                except ProcessLookupError:
                    pass
                break
    raise AssertionError("the startup process was never caught")


def test_a_leader_that_does_not_recover_is_replaced(new_cluster):
    cluster = new_cluster(dcs={**FAST, "primary_start_timeout": TIMEOUT}).start()
    primary = cluster.wait_for_leader()
    held = hold_recovery(primary)
    began = time.time()
    try:
        wait_until("the leader to be no primary for load balancers", lambda: primary.status("/primary") == 503, 3)
        assert primary.rest("/patroni")[1]["state"] == "starting"
        assert cluster.leader_key() == primary.name, "it has its time"
        new = cluster.wait_for_leader(TIMEOUT + 20, other_than=primary)
        took = time.time() - began
        print(f"another member leads after {took:.1f} s")
        assert took > TIMEOUT - 2
    finally:
        try:
            os.kill(held, signal.SIGCONT)
        except ProcessLookupError:
            pass
    assert new is not primary
    cluster.wait_for_streaming(60)


def test_a_leader_that_recovers_goes_on(cluster, writer):
    primary = cluster.wait_for_leader()
    postmaster = primary.postmaster()
    victim = next(pid for pid, title in children(postmaster) if "walwriter" in title or "wal writer" in title)
    killed = time.time()
    os.kill(victim, signal.SIGKILL)
    wait_until("a row after the crash", lambda: writer.first_after(killed + 0.05), 15)
    assert cluster.wait_for_leader(10) is primary
    assert primary.postmaster() == postmaster
    assert_all_is_well(cluster, writer)
