"""kill -9 at any moment of the bootstrap: after a restart, or by another member, there is a cluster in the end."""
import random
import time

import pytest

from harness.member import FAST
from harness.processes import give, wait_until


def rounds(soak):
    return 12 if soak else 3


@pytest.mark.parametrize("slot", range(3))
def test_a_member_killed_while_it_bootstraps_starts_over(new_cluster, soak, slot):
    """One member alone: only it can finish what it began. The moments of all slots together cover the bootstrap."""
    for round_number in range(rounds(soak)):
        seed = random.randrange(1 << 32)
        print("seed", seed)
        delay = random.Random(seed).uniform(slot * 1.0, slot * 1.0 + 1.2)
        cluster = new_cluster(members=("m1",)).start_store()
        member = cluster["m1"].start()
        time.sleep(delay)
        member.kill_everything()
        member.start()
        assert cluster.wait_for_leader(FAST["ttl"] + 40) is member
        member.query("CREATE TABLE it_works ()")
        assert cluster.etcd.get(cluster.key("initialize")) == member.system_identifier()
        cluster.close()


@pytest.mark.parametrize("slot", range(3))
def test_others_take_over_when_the_winner_does_not_come_back(new_cluster, soak, slot):
    for round_number in range(rounds(soak) // 3):
        seed = random.randrange(1 << 32)
        print("seed", seed)
        delay = random.Random(seed).uniform(slot * 0.8, slot * 0.8 + 0.9)
        cluster = new_cluster().start_store()
        for member in cluster:
            member.start()
        wait_until("somebody to win the race", lambda: cluster.etcd.get(cluster.key("initialize"), absent=None) is not None,
                   20, interval=0.005)
        time.sleep(delay)
        winner = wait_until("the winner", lambda: next(
            (m for m in cluster if m.data.exists() and any(m.data.iterdir())), None), 10)
        winner.kill_everything()
        if not cluster.etcd.get(cluster.key("initialize"), absent=""):
            leader = cluster.wait_for_leader(2 * FAST["ttl"] + 40)
            assert leader is not winner
        # Otherwise the bootstrap was over before the kill, and the dead member's data may be the only copy of the new
        # cluster: nobody may found another one.
        winner.start()
        cluster.wait_for_leader(2 * FAST["ttl"] + 40)
        cluster.wait_for_streaming(60)
        assert len({m.system_identifier() for m in cluster}) == 1
        cluster.close()


def test_nothing_that_was_there_before_is_removed(new_cluster):
    """Only the directory of this attempt may be put aside: files that somebody else left make it stop and say so."""
    cluster = new_cluster(members=("m1",)).start_store()
    member = cluster["m1"]
    member.data.mkdir(mode=0o700)
    (member.data / "precious").write_text("not yours")
    give(member.data)
    member.start()
    time.sleep(5)  # several cycles: what must not happen has had its chance
    assert (member.data / "precious").read_text() == "not yours"
    assert not cluster.primaries()
