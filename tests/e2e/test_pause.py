"""Pause (maintenance mode): an administrator works on PostgreSQL, and nothing is done to it but what he asks for. What
follows when it is over is the usual order again."""
import json
import time

from harness.checker import assert_identical_content
from harness.processes import spawn, wait_until
from harness.rest import call


def set_pause(cluster, on):
    """Returns when every running member says so."""
    member = next(m for m in cluster if m.running())
    assert call(member, "PATCH", "/config", {"pause": True if on else None}).status == 200
    wait_until(f"everybody to know that pause is {on}",
               lambda: all(call(m, "GET", "/patroni").json.get("pause", False) == on for m in cluster if m.running()), 10)


def cycles(cluster, count=2):
    time.sleep(count * cluster.dcs["loop_wait"] + 1)


def pg_ctl(member, *arguments):
    """As the administrator, by hand."""
    process = spawn([member.postgres_bin / "pg_ctl", "-D", member.data, "-w", *arguments], member.directory / "pg_ctl.log",
                    cwd=member.directory)
    assert process.wait(30) == 0, (member.directory / "pg_ctl.log").read_text()


def state_in_store(cluster, member):
    return json.loads(cluster.etcd.get(cluster.key(f"members/{member.name}")))["state"]


def test_a_primary_stopped_by_hand_stays_down_and_nobody_takes_its_place(new_cluster):
    cluster = new_cluster().start()
    primary = cluster.wait_for_leader()
    replica, other = cluster.replicas()
    set_pause(cluster, True)
    pg_ctl(primary, "stop", "-m", "fast")
    wait_until("the key to be given back", lambda: cluster.leader_key() is None, 10)
    primary.wait_for_log("PAUSE: removed leader lock because postgres is not running", 10)
    cycles(cluster)
    assert primary.postmaster() is None and cluster.primaries() == [] and cluster.leader_key() is None
    assert all(m.value("SELECT pg_is_in_recovery()") for m in (replica, other))
    assert state_in_store(cluster, primary) == "stopped"
    assert all(m.status("/liveness") == 200 for m in cluster)

    # Started by hand it takes its key again.
    pg_ctl(primary, "start", "-l", str(primary.directory / "by-hand.log"))
    wait_until("the key", lambda: cluster.leader_key() == primary.name, 10)
    assert primary.status("/primary") == 200

    # A replica that is down stays down, and comes back on request only.
    pg_ctl(replica, "stop", "-m", "immediate")
    wait_until("a replica that is not running", lambda: replica.status("/replica") == 503, 10)
    cycles(cluster)
    assert replica.postmaster() is None
    answer = call(replica, "POST", "/restart", {}, timeout=30)
    assert (answer.status, answer.text) == (200, "restarted successfully")
    cluster.wait_for_streaming(20)

    # What is down when it is over is started.
    pg_ctl(replica, "stop", "-m", "fast")
    set_pause(cluster, False)
    cluster.wait_for_streaming(30)
    assert cluster.leader_key() == primary.name


def test_a_daemon_comes_and_goes_and_postgresql_runs_on(cluster, writer):
    primary = cluster.wait_for_leader()
    wait_until("rows", lambda: len(writer.acks) > 10, 10)
    set_pause(cluster, True)
    postmaster, began = primary.postmaster(), time.time()
    for end in ("stop", "kill"):
        before = len(primary.log())
        if end == "stop":
            assert primary.stop() == 0
            assert "Leader key is not deleted and Postgresql is not stopped due paused state" in primary.log()[before:]
        else:
            primary.kill()
        # Longer than the lease: in pause that is no reason for anybody.
        time.sleep(cluster.dcs["ttl"] + 2 * cluster.dcs["loop_wait"])
        assert primary.postmaster() == postmaster and primary.value("SELECT NOT pg_is_in_recovery()")
        primary.start()
        wait_until("its key", lambda: cluster.leader_key() == primary.name, 15)
        assert primary.postmaster() == postmaster
    assert writer.longest_gap(began, time.time()) < 1, "the primary serves as ever"
    assert {a.member for a in writer.acks if a.acked > began} == {primary.name}
    set_pause(cluster, False)
    cluster.wait_for_streaming(20)
    assert primary.postmaster() == postmaster


def test_a_wiped_store_is_filled_again_by_the_primary(cluster, writer):
    primary = cluster.wait_for_leader()
    set_pause(cluster, True)
    postmaster = primary.postmaster()
    system, config = (cluster.etcd.get(cluster.key(k)) for k in ("initialize", "config"))
    for key in cluster.etcd.keys(cluster.key("")):
        cluster.etcd.delete(key)
    wait_until("the keys", lambda: cluster.leader_key() == primary.name
               and cluster.etcd.get(cluster.key("initialize")) == system
               and json.loads(cluster.etcd.get(cluster.key("config")) or "{}") == json.loads(config), 20)
    assert primary.postmaster() == postmaster
    set_pause(cluster, False)
    cluster.wait_for_streaming(20)
    assert cluster.wait_for_leader() is primary and primary.postmaster() == postmaster


def test_who_is_promoted_by_hand_goes_on_beside_the_leader_until_it_is_over(cluster):
    primary = cluster.wait_for_leader()
    replica, other = cluster.replicas()
    set_pause(cluster, True)
    assert replica.value("SELECT pg_promote()")
    replica.query("CREATE TABLE by_hand ()")
    replica.wait_for_log("PAUSE: continue to run as primary without lock", 10)
    cycles(cluster)
    assert cluster.leader_key() == primary.name and primary.status("/primary") == 200
    assert replica.value("SELECT NOT pg_is_in_recovery()") and replica.status("/primary") == 503
    assert other.value("SELECT status FROM pg_stat_wal_receiver") == "streaming"

    set_pause(cluster, False)
    cluster.wait_for_streaming(60)
    assert cluster.leader_key() == primary.name
    assert replica.value("SELECT to_regclass('by_hand') IS NULL"), "it was rewound to the leader"
    assert other.value("SELECT pg_is_in_recovery()")


def test_a_free_key_goes_to_who_is_promoted_by_hand(cluster, writer):
    primary = cluster.wait_for_leader()
    replica, other = cluster.replicas()
    wait_until("rows", lambda: len(writer.acks) > 10, 10)
    set_pause(cluster, True)
    pg_ctl(primary, "stop", "-m", "fast")
    wait_until("the key to be given back", lambda: cluster.leader_key() is None, 10)
    assert replica.value("SELECT pg_promote()")
    wait_until("the key of the new primary", lambda: cluster.leader_key() == replica.name, 10)
    set_pause(cluster, False)
    cluster.wait_for_streaming(60)
    assert cluster.wait_for_leader() is replica
    writer.stop()
    assert_identical_content(cluster)
