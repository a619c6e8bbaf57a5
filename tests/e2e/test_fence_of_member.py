"""tanist_fence as the daemon tells it of its lease: what the servers of a cluster say of it, and a whole host that is frozen."""
import signal
import time

import pytest

from harness.checker import assert_all_is_well
from harness.member import tanistctl
from harness.processes import processes_of, send, wait_until
from harness.rest import call
from harness.writer import Writer

pytestmark = pytest.mark.xdist_group("fence")  # one after the other: they measure milliseconds


@pytest.fixture
def fenced(new_cluster, installed):
    preload = {"postgresql": {"parameters": {"shared_preload_libraries": "tanist_fence"}}}
    cluster = new_cluster(overrides=preload, postgres_bin=installed()).start()
    cluster.wait_for_leader(60).query("CREATE EXTENSION tanist_fence")
    cluster.wait_for_streaming(60)
    return cluster


def fence_of(member):
    row = member.query("SELECT state, commits, extract(epoch FROM lease_left)::float8 FROM tanist_fence.status()")[0]
    return dict(zip(("state", "commits", "left"), row))


def wait_for_state(member, *states):
    wait_until(f"tanist_fence on {member.name} to be {' or '.join(states)}", lambda: fence_of(member)["state"] in states, 20)


def test_the_server_is_told_of_the_lease_and_of_its_end(fenced):
    primary = fenced.wait_for_leader()
    wait_for_state(primary, "armed")
    lefts = []
    for _ in range(20):
        lefts.append(fence_of(primary)["left"])
        time.sleep(0.1)
    assert 0 < min(lefts) and max(lefts) < fenced.dcs["ttl"], lefts
    for replica in fenced.replicas():
        wait_for_state(replica, "absent", "disarmed")
    # A daemon that is killed and started again goes on with the file; in a pause nothing is fenced.
    primary.kill()
    primary.start()
    primary.wait_for_log("tanist_fence is told of the lease in", 30)
    wait_for_state(primary, "armed")
    assert tanistctl(primary, "pause", "--wait", timeout=30).returncode == 0
    wait_for_state(primary, "disarmed")
    primary.kill()
    primary.start()
    time.sleep(fenced.dcs["ttl"] / 2)
    assert fence_of(primary)["state"] == "disarmed"
    primary.query("CREATE TABLE written_in_pause (n int)")
    assert tanistctl(primary, "resume", "--wait", timeout=30).returncode == 0
    wait_for_state(primary, "armed")
    # Another leads: it is told, and who led is a standby.
    assert call(primary, "POST", "/switchover", {"leader": primary.name}, timeout=30).status == 200
    new = fenced.wait_for_leader(30, other_than=primary)
    fenced.wait_for_streaming(60)
    wait_for_state(new, "armed")
    wait_for_state(primary, "disarmed")


def test_a_host_that_was_frozen_acknowledges_nothing_when_it_goes_on(fenced, soak, record_property):
    """Daemon, guardian and PostgreSQL stand still together until another leads: whoever wakes first, no row is acknowledged."""
    late, rounds = [], 30 if soak else 3
    with Writer(fenced) as writer:
        for number in range(rounds):
            old = fenced.wait_for_leader(60)
            wait_for_state(old, "armed")
            wait_until("rows", lambda: len(writer.on(old, after=time.time() - 2)) > 20, 20)
            postmaster = old.postmaster()
            server = [postmaster, *(pid for pid in processes_of(old.data) if pid != postmaster)]
            daemon = [old.guardian(), old.pid]
            for pid in [old.pid, *server, old.guardian()]:
                send(pid, signal.SIGSTOP)
            frozen = time.time()
            fenced.wait_for_leader(fenced.dcs["ttl"] + 30, other_than=old)
            thawed = time.time()
            # Who would kill comes last in every other round.
            for pid in [*server, *daemon] if number % 2 == 0 else [*daemon, *server]:
                send(pid, signal.SIGCONT)
            time.sleep(1)
            late += [a for a in writer.on(old) if a.acked >= thawed and a.sent < thawed + 5 and a.sent > frozen - 30]
            fenced.wait_for_streaming(90)
        assert_all_is_well(fenced, writer)
    record_property("rows acknowledged after the thaw", f"{len(late)} in {rounds} rounds")
    assert not late, late[0]
