"""A restart on request keeps the leader key, obeys its conditions, and gives the key away when PostgreSQL does not come
up again."""
import datetime
import json
import threading
import time

import pytest

from harness.checker import assert_all_is_well, assert_nothing_lost
from harness.member import tanistctl
from harness.processes import wait_until
from harness.rest import call

pytestmark = pytest.mark.xdist_group("restart")  # one cluster, one worker


def restart(member, body=None, *, timeout=60):
    return call(member, "POST", "/restart", body, timeout=timeout)


def member_key(cluster, name):
    return json.loads(cluster.etcd.get(cluster.key(f"members/{name}")))


def in_seconds(seconds):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)).isoformat()


def test_a_restarted_primary_keeps_key_and_timeline_and_loses_nothing(cluster, writer):
    primary = cluster.wait_for_leader()
    timeline, postmaster = primary.rest("/patroni")[1]["timeline"], primary.postmaster()
    wait_until("rows", lambda: len(writer.acks) > 50, 10)
    asked = time.time()
    answer = restart(primary)
    assert (answer.status, answer.text) == (200, "restarted successfully")
    assert primary.postmaster() not in (None, postmaster)
    assert primary.status("/primary") == 200
    assert primary.rest("/patroni")[1]["timeline"] == timeline
    assert not cluster.observer.of("/leader", "delete", after=asked), "the leader key was never given away"
    acks = assert_all_is_well(cluster, writer)
    assert_nothing_lost(cluster, acks)
    assert cluster.wait_for_leader() is primary


def test_a_restarted_replica_streams_again(shared):
    replica = shared.replicas()[0]
    postmaster = replica.postmaster()
    answer = restart(replica, {"role": "replica", "timeout": "30s", "postgres_version": "99.0"})
    assert (answer.status, answer.text) == (200, "restarted successfully")
    assert replica.postmaster() not in (None, postmaster)
    shared.wait_for_streaming(20)


@pytest.mark.parametrize("condition, reason", [
    ({"role": "primary"}, "host role mismatch"),
    ({"postgres_version": "9.3.1"}, "postgres version mismatch"),
    ({"restart_pending": True}, "pending restart flag is not set"),
], ids=["role", "version", "pending"])
def test_a_restart_whose_conditions_do_not_hold_does_nothing(shared, condition, reason):
    replica = shared.replicas()[0]
    postmaster, after = replica.postmaster(), len(replica.log())
    answer = restart(replica, condition)
    assert (answer.status, answer.text) == (503, "restart conditions are not satisfied")
    replica.wait_for_log(f"not proceeding with the restart: {reason}", 5, after=after)
    assert replica.postmaster() == postmaster


@pytest.mark.parametrize("body, status, text", [
    ({"role": "master"}, 400, "PostgreSQL role should be either primary, standby_leader, or replica"),
    ({"timeout": "42towels"}, 400, "Timeout should be a positive number of seconds"),
    ({"colour": "red"}, 400, "Unknown filter for the scheduled restart: colour"),
    ({"schedule": "2131-01-01T10:00"}, 400, "Timezone information is mandatory for the scheduled restart"),
    ({"schedule": "2001-01-01T10:00Z"}, 422, "Cannot schedule restart in the past"),
    ("[1]", 400, None),
    ("{", 400, None),
])
def test_a_wrong_request_is_named_and_does_nothing(shared, body, status, text):
    member = shared["m1"]
    postmaster = member.postmaster()
    answer = restart(member, body)
    assert answer.status == status, answer
    assert text is None or answer.text == text
    assert member.postmaster() == postmaster


def test_a_pending_parameter_is_applied_by_a_restart_that_asks_for_it(shared):
    replica = shared.replicas()[0]
    change = {"postgresql": {"parameters": {"max_worker_processes": 11}}}
    assert call(replica, "PATCH", "/config", change).status == 200
    for member in shared:
        wait_until(f"pending restart of {member.name}", lambda: member.rest("/patroni")[1].get("pending_restart"), 10)
    # A larger value than the primary's is fine for a standby, with a smaller one it stops replaying and ends.
    for member in [*shared.replicas(), shared.wait_for_leader()]:
        answer = restart(member, {"restart_pending": True})
        assert answer.status == 200, answer
        assert member.value("SHOW max_worker_processes") == "11"
        wait_until("the flag to be gone", lambda: "pending_restart" not in member.rest("/patroni")[1], 10)
        assert restart(member, {"restart_pending": True}).status == 503
    shared.wait_for_streaming(20)


def test_two_at_once_are_one_restart_and_one_refusal(shared):
    replica = shared.replicas()[0]
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(restart(replica))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted((a.status, a.text) for a in answers) == [(200, "restarted successfully"),
                                                           (503, "restart already in progress")]
    shared.wait_for_streaming(20)


def test_a_scheduled_restart_is_shown_and_carried_out_once(shared):
    replica = shared.replicas()[0]
    postmaster = replica.postmaster()
    answer = restart(replica, {"schedule": in_seconds(4), "role": "replica"})
    assert (answer.status, answer.text) == (202, "Restart scheduled")
    assert restart(replica, {"schedule": in_seconds(9)}).status == 409
    shown = replica.rest("/patroni")[1]["scheduled_restart"]
    assert shown["role"] == "replica" and "postmaster_start_time" not in shown
    stored = wait_until("the member key", lambda: member_key(shared, replica.name).get("scheduled_restart"), 5)
    assert stored["schedule"] == shown["schedule"] and stored["postmaster_start_time"]
    assert shown["schedule"][:16] in tanistctl(replica, "list").stdout
    assert replica.postmaster() == postmaster
    wait_until("the restart", lambda: replica.postmaster() not in (None, postmaster), 15)
    replica.wait_for_log("restart initiated", 5)
    wait_until("the schedule to be over", lambda: "scheduled_restart" not in replica.rest("/patroni")[1], 5)
    wait_until("the key to say so", lambda: "scheduled_restart" not in member_key(shared, replica.name), 5)
    shared.wait_for_streaming(20)


def test_a_scheduled_restart_is_withdrawn(shared):
    replica = shared.replicas()[0]
    assert call(replica, "DELETE", "/restart").status == 404
    assert restart(replica, {"schedule": in_seconds(3)}).status == 202
    answer = call(replica, "DELETE", "/restart")
    assert (answer.status, answer.text) == (200, "scheduled restart deleted")
    postmaster = replica.postmaster()
    time.sleep(4)  # past its time: what must not happen cannot be waited for otherwise
    assert replica.postmaster() == postmaster


def test_a_scheduled_restart_outlives_its_daemon(shared):
    replica = shared.replicas()[0]
    postmaster, after = replica.postmaster(), len(replica.log())
    answer = restart(replica, {"schedule": in_seconds(8), "role": "replica"})
    assert (answer.status, answer.text) == (202, "Restart scheduled")
    shown = replica.rest("/patroni")[1]["scheduled_restart"]
    replica.kill()
    replica.start()
    wait_until("the schedule", lambda: replica.rest("/patroni")[1].get("scheduled_restart") == shown, 10)
    assert restart(replica, {"schedule": in_seconds(60)}).status == 409
    assert replica.postmaster() == postmaster
    wait_until("the restart", lambda: replica.postmaster() not in (None, postmaster), 20)
    replica.wait_for_log("restart initiated", 5, after=after)
    wait_until("the schedule to be over", lambda: "scheduled_restart" not in replica.rest("/patroni")[1], 5)
    shared.wait_for_streaming(20)
    note = replica.directory / "data.tanist" / "scheduled_restart"
    wait_until("the note to be gone", lambda: not note.exists(), 15)


def test_a_schedule_that_was_withdrawn_does_not_come_back_with_the_daemon(shared):
    replica = shared.replicas()[0]
    postmaster = replica.postmaster()
    assert restart(replica, {"schedule": in_seconds(6)}).status == 202
    assert call(replica, "DELETE", "/restart").status == 200
    replica.kill()
    replica.start()
    shared.wait_for_streaming(20)
    assert "scheduled_restart" not in replica.rest("/patroni")[1]
    time.sleep(5)  # past its time: what must not happen cannot be waited for otherwise
    assert replica.postmaster() == postmaster


def test_a_primary_that_does_not_come_up_again_gives_the_key_away(new_cluster):
    """A library that does not exist: PostgreSQL accepts the setting, and does not start with it."""
    cluster = new_cluster(members=("m1", "m2")).start()
    primary = cluster.wait_for_leader()
    broken = {"postgresql": {"parameters": {"shared_preload_libraries": "there_is_no_such_library"}}}
    assert call(primary, "PATCH", "/config", broken).status == 200
    wait_until("pending restart", lambda: primary.rest("/patroni")[1].get("pending_restart"), 10)
    answer = restart(primary)
    assert (answer.status, answer.text) == (503, "restart failed")
    primary.wait_for_log("removed leader key after trying and failing to start postgres", 10)
    assert cluster.wait_for_leader(30, other_than=primary)
    mended = {"postgresql": {"parameters": {"shared_preload_libraries": None}}}
    assert call(primary, "PATCH", "/config", mended).status == 200
    cluster.wait_for_streaming(60)
