"""kill -9 at any moment of the bootstrap: after a restart, or by another member, there is a cluster in the end."""
import json
import os
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


# When the winner is killed, as seen from outside.
MOMENTS = {"the-race-is-won": lambda winner: True,
           "initdb-works": lambda winner: (winner.data / "PG_VERSION").exists(),
           "postgresql-starts": lambda winner: winner.postmaster()}


def kill_the_winner(cluster, reached):
    """The member that won the race for the bootstrap, killed at a moment of it; None: the bootstrap was over by then, and
    the dead member's data may be the only copy of the new cluster, so nobody may found another one."""
    name = wait_until("somebody to win the race", lambda: cluster.etcd.get(cluster.key("tanist/initialized_by")), 20,
                      interval=0.002)
    winner = cluster[name]
    wait_until(f"the moment on {name}", lambda: reached(winner), 20, interval=0.002)
    time.sleep(random.uniform(0, 0.03))
    winner.kill_everything()
    return winner if cluster.etcd.get(cluster.key("initialize")) == "" else None


@pytest.mark.parametrize("moment", MOMENTS)
def test_others_take_over_when_the_winner_does_not_come_back(new_cluster, soak, moment):
    taken_over = 0
    for _ in range(20):
        cluster = new_cluster().start_store()
        for member in cluster:
            member.start()
        winner = kill_the_winner(cluster, MOMENTS[moment])
        if winner:
            leader = cluster.wait_for_leader(2 * FAST["ttl"] + 40)
            assert leader is not winner
            winner.start()
            cluster.wait_for_streaming(60)
            assert cluster.leader_key() == leader.name
            assert cluster.etcd.get(cluster.key("initialize")) == leader.system_identifier()
            assert len({m.system_identifier() for m in cluster}) == 1
            taken_over += 1
        cluster.close()
        if taken_over == (4 if soak else 1):
            return
    pytest.fail(f"the winner could not be killed before its bootstrap was over: {taken_over} of 20 rounds")


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


def test_lock_files_that_a_killed_server_left_empty_do_not_keep_it_down(new_cluster):
    """A postmaster killed between creating a lock file and writing it leaves what PostgreSQL never gets past by itself."""
    cluster = new_cluster(members=("m1",)).start_store()
    member = cluster["m1"].start()
    cluster.wait_for_leader(40)
    member.kill_everything()
    socket_lock = member.directory / f".s.PGSQL.{member.port}.lock"
    for file in (member.data / "postmaster.pid", socket_lock):
        give(file).write_text("")
        os.utime(file, (0, 0))
    member.start()
    cluster.wait_for_leader(FAST["ttl"] + 20)
    member.wait_for_log(f'removed "{member.data}/postmaster.pid": a server that was killed', 1)
    member.wait_for_log(f'removed "{socket_lock}"', 1)


def test_a_note_that_was_left_costs_no_cluster(new_cluster):
    """The note of a bootstrap came back with the power, say, and the store was wiped since: what it does not show to be its
    own is not touched, and whoever reads the log knows what to do."""
    cluster = new_cluster(members=("m1",)).start_store()
    member = cluster["m1"].start()
    cluster.wait_for_leader(40)
    member.query("CREATE TABLE precious AS SELECT 42 AS x")
    identifier = member.system_identifier()
    member.kill()
    note = member.data.with_name("data.tanist") / "bootstrap.json"
    note.write_text(json.dumps({"data_dir": str(member.data), "name": "m1"}))
    give(note)
    for key in list(cluster.etcd.keys(cluster.key(""))):
        cluster.etcd.delete(key)
    member.start()
    assert member.wait(30) == 1
    member.wait_for_log("a PostgreSQL runs in it that the bootstrap did not start; nothing is touched", 1)
    member.wait_for_log("HINT: if this data is to be kept, remove", 1)
    assert member.system_identifier() == identifier and not member.data.with_name("data.failed").exists()
    note.unlink()
    member.start()
    assert cluster.wait_for_leader(FAST["ttl"] + 20) is member
    assert member.query("SELECT x FROM precious") == [(42,)]
