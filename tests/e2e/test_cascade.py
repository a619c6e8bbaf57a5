"""A standby that streams from a standby goes on without it: from the leader within seconds, and back when it is well again."""
import time

import pytest

from harness.processes import wait_until
from harness.rest import call

SECONDS = 12  # 5 s of patience, a reload, and PostgreSQL's own pace once


def sources(cluster):
    """Standby → member that it streams from, as the feeding servers tell."""
    out = {}
    for member in cluster:
        try:
            rows = member.query("SELECT application_name FROM pg_stat_replication WHERE state = 'streaming'")
        except Exception:  # it is down
            continue
        out.update({name: member.name for (name,) in rows})
    return out


@pytest.fixture
def chain(new_cluster):
    """m1 leads, m2 streams from it, m3 from m2."""
    cluster = new_cluster(member_overrides={"m2": {"tags": {"nofailover": True}},
                                            "m3": {"tags": {"replicatefrom": "m2", "nofailover": True}}})
    cluster.start_store()
    cluster["m1"].start()
    cluster.wait_for_leader(60)
    for name in ("m2", "m3"):
        cluster[name].start()
    wait_until("m3 to stream from m2", lambda: sources(cluster) == {"m2": "m1", "m3": "m2"}, 90)
    return cluster


def replays(member, primary):
    lsn = primary.value("SELECT pg_current_wal_lsn()::text")
    wait_until(f"{member.name} to replay {lsn}",
               lambda: member.value("SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", lsn), 20)


def test_a_killed_upstream_is_gone_round_and_returned_to(chain):
    primary, middle, end = chain["m1"], chain["m2"], chain["m3"]
    primary.query("CREATE TABLE seen (id int)")
    replays(end, primary)
    postmaster = end.postmaster()
    middle.kill_everything()
    lost = time.time()
    wait_until("m3 to stream from the leader", lambda: sources(chain).get("m3") == "m1", 30, interval=0.05)
    took = time.time() - lost
    print(f"from the loss of the upstream to the leader's stream: {took:.1f} s")
    assert took < SECONDS
    end.wait_for_log("nothing is streamed from m2, which the tag replicatefrom names: following the leader m1", 5)
    primary.query("INSERT INTO seen VALUES (1)")
    replays(end, primary)
    middle.start()
    wait_until("m3 to stream from m2 again", lambda: sources(chain) == {"m2": "m1", "m3": "m2"}, 60)
    end.wait_for_log("m2 is well again: streaming from it", 5)
    primary.query("INSERT INTO seen VALUES (2)")
    replays(end, primary)
    assert end.postmaster() == postmaster, "nothing was restarted for it"


def test_an_upstream_that_only_restarts_is_kept_or_returned_to_and_lags_are_no_reason(chain):
    primary, middle, end = chain["m1"], chain["m2"], chain["m3"]
    middle.query("SELECT pg_wal_replay_pause()")  # it receives, and feeds, and lags behind
    time.sleep(12)  # more than any patience there is
    assert sources(chain) == {"m2": "m1", "m3": "m2"}
    assert "nothing is streamed from m2" not in end.log()
    primary.query("CREATE TABLE seen (id int)")
    middle.query("SELECT pg_wal_replay_resume()")
    replays(end, primary)
    middle.kill_postmaster()
    wait_until("the chain to be whole again", lambda: sources(chain) == {"m2": "m1", "m3": "m2"}, 60)


def test_tags_that_lead_round_in_a_circle_end_at_the_leader(new_cluster):
    cluster = new_cluster(member_overrides={"m2": {"tags": {"replicatefrom": "m3", "nofailover": True}},
                                            "m3": {"tags": {"replicatefrom": "m2", "nofailover": True}}})
    cluster.start_store()
    cluster["m1"].start()
    cluster.wait_for_leader(60)
    for name in ("m2", "m3"):
        cluster[name].start()
    wait_until("both to stream from m1", lambda: sources(cluster) == {"m2": "m1", "m3": "m1"}, 90)
    for name in ("m2", "m3"):
        cluster[name].wait_for_log("the tags replicatefrom lead round in a circle", 15)


def test_a_standby_that_replays_late_leads_only_when_it_is_told_to(new_cluster):
    late = {"postgresql": {"recovery_conf": {"recovery_min_apply_delay": "1h"}}}
    cluster = new_cluster(members=("m1", "m2"), member_overrides={"m2": late})
    cluster.start_store()
    cluster["m1"].start()
    primary = cluster.wait_for_leader(60)
    cluster["m2"].start()
    cluster.wait_for_streaming(60)
    late = cluster["m2"]
    wait_until("it to say so", lambda: late.rest("/patroni")[1].get("tanist_delayed"), 15)
    assert late.rest("/patroni")[1]["tags"] == {"nosync": True}
    answer = call(primary, "POST", "/switchover", {"leader": "m1"})
    assert (answer.status, answer.text) == (412, "switchover is not possible: no good candidates have been found")
    primary.query("CREATE TABLE told AS SELECT 1 AS id")
    lsn = primary.value("SELECT pg_current_wal_lsn()::text")
    wait_until("it to have received that", lambda: late.value("SELECT pg_last_wal_receive_lsn() >= %s::pg_lsn", lsn), 10)
    assert late.value("SELECT to_regclass('told')") is None, "it replays an hour late"
    primary.kill_everything()
    late.wait_for_log("recovery_min_apply_delay makes this member replay late", 30)
    time.sleep(5)  # nobody leads, and nothing else happens
    assert late.value("SELECT pg_is_in_recovery()")
    answer = call(late, "POST", "/failover", {"candidate": "m2"}, timeout=40)
    assert answer.status == 200, answer.text
    assert cluster.wait_for_leader(30) is late
    assert late.value("SELECT id FROM told") == 1, "whoever is promoted replays what it has received"
