"""Switchover and failover on request: answered when the new primary accepts writes, nothing is lost, and what cannot be
done is refused before anything is stopped."""
import datetime
import json
import re
import threading
import time

import pytest

from harness.checker import assert_all_is_well, assert_nothing_lost
from harness.member import tanistctl
from harness.processes import wait_until
from harness.rest import call

pytestmark = pytest.mark.xdist_group("switchover")  # one cluster, one worker

LIMIT = 2 * 10  # seconds that a member waits for the outcome: 2 * max(10, loop_wait)


def ask(member, path, body, *, timeout=LIMIT + 10):
    return call(member, "POST", path, body, timeout=timeout)


def in_seconds(seconds):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)).isoformat()


def failover_key(cluster):
    return json.loads(cluster.etcd.get(cluster.key("failover")) or "{}")


def wait_settled(cluster):
    wait_until("the request to be cleaned up", lambda: failover_key(cluster) == {}, 10)


def test_planned_switchovers_lose_nothing_and_rewind_nobody(cluster, writer):
    logs = {m.name: len(m.log()) for m in cluster}
    for asked_of in ("leader", "candidate", "other"):
        old = cluster.wait_for_leader()
        candidate, other = cluster.replicas()
        wait_until("rows on this primary", lambda: len(writer.on(old)) > 20, 10)
        member = {"leader": old, "candidate": candidate, "other": other}[asked_of]
        asked = time.time()
        answer = ask(member, "/switchover", {"leader": old.name, "candidate": candidate.name})
        answered = time.time()
        assert (answer.status, answer.text) == (200, f'Successfully switched over to "{candidate.name}"')
        assert candidate.value("SELECT NOT pg_is_in_recovery()"), "it accepts writes when that is answered"
        assert cluster.leader_key() == candidate.name
        first = wait_until("a row on the new primary", lambda: writer.first_after(asked, member=candidate), 10)
        cluster.wait_for_streaming(20)
        streaming = time.time()
        # The last row of the old and the first of the new primary, by the clock of the client.
        last = max(a.acked for a in writer.on(old) if a.acked < first.acked)
        gap = int(answer.headers["Tanist-Write-Gap-Ms"])
        print(f"asked of the {asked_of}: {1000 * (first.acked - last):.0f} ms without a row, {gap} ms by the members' "
              f"own account, answered {1000 * (answered - asked):.0f} ms after it was asked for, "
              f"{1000 * (answered - first.acked):+.0f} ms after the first row; "
              f"all streaming after {streaming - first.acked:.1f} s")
        assert gap / 1000 < answered - asked
        wait_settled(cluster)
    for member in cluster:
        assert "pg_rewind" not in member.log()[logs[member.name]:], "a clean stop needs no rewind"
    assert_nothing_lost(cluster, assert_all_is_well(cluster, writer))


def test_by_the_tool_of_operators(shared):
    old = shared.wait_for_leader()
    candidate = shared.replicas()[0]
    done = tanistctl(old, "switchover", shared.scope, "--leader", old.name, "--candidate", candidate.name, "--force",
                     "--wait", timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f'Successfully switched over to "{candidate.name}"' in done.stdout
    assert re.search(r"^Nobody could write for \d+ ms$", done.stdout, re.MULTILINE), done.stdout
    assert shared.wait_for_leader() is candidate
    at = in_seconds(3600)
    later = tanistctl(old, "switchover", shared.scope, "--leader", candidate.name, "--scheduled", at, "--force")
    assert later.returncode == 0 and "Switchover scheduled" in later.stdout, later.stdout + later.stderr
    assert failover_key(shared)["leader"] == candidate.name
    taken_back = tanistctl(old, "flush", shared.scope, "switchover", "--force")
    assert taken_back.returncode == 0, taken_back.stdout + taken_back.stderr
    assert failover_key(shared) == {}
    back = tanistctl(old, "failover", shared.scope, "--candidate", old.name, "--force", timeout=60)
    assert back.returncode == 0 and f'Successfully failed over to "{old.name}"' in back.stdout, back.stdout + back.stderr
    shared.wait_for_streaming(30)


def test_to_whoever_is_best(shared):
    old = shared.wait_for_leader()
    answer = ask(old, "/switchover", {"leader": old.name})
    new = shared.wait_for_leader(other_than=old)
    assert (answer.status, answer.text) == (200, f'Successfully switched over to "{new.name}"')
    shared.wait_for_streaming(30)


def test_a_request_of_another_tool_is_obeyed(shared):
    old = shared.wait_for_leader()
    candidate = shared.replicas()[1]
    shared.etcd.put(shared.key("failover"), json.dumps({"leader": old.name, "member": candidate.name}))
    assert shared.wait_for_leader(LIMIT, other_than=old) is candidate
    wait_settled(shared)
    shared.wait_for_streaming(30)


def test_a_failover_to_a_candidate_while_there_is_a_leader(shared):
    candidate = shared.replicas()[0]
    answer = ask(candidate, "/failover", {"candidate": candidate.name})
    assert (answer.status, answer.text) == (200, f'Successfully failed over to "{candidate.name}"')
    shared.wait_for_streaming(30)


def test_at_a_time_though_the_member_that_accepted_it_is_gone(shared):
    old = shared.wait_for_leader()
    candidate, accepts = shared.replicas()
    at = in_seconds(6)
    answer = ask(accepts, "/switchover", {"leader": old.name, "candidate": candidate.name, "scheduled_at": at})
    assert (answer.status, answer.text) == (202, "Switchover scheduled")
    # Who answered has written it; the others hear of it.
    wait_until("the schedule to be told by the primary", lambda: call(old, "GET", "/cluster").json.get(
        "scheduled_switchover", {}).get("to") == candidate.name, 3)
    accepts.kill_everything()
    assert shared.leader_key() == old.name
    old.wait_for_log(r"Awaiting switchover at .* \(in [0-9]+ seconds\)", 5)
    new = shared.wait_for_leader(6 + LIMIT, other_than=old)
    assert new is candidate
    assert datetime.datetime.now(datetime.timezone.utc) >= datetime.datetime.fromisoformat(at), "not before its time"
    accepts.start()
    shared.wait_for_streaming(60)


def test_a_scheduled_one_is_withdrawn(shared):
    old = shared.wait_for_leader()
    other = shared.replicas()[0]
    assert call(other, "DELETE", "/switchover").text == "no switchover is scheduled"
    assert ask(other, "/switchover", {"leader": old.name, "scheduled_at": in_seconds(4)}).status == 202
    answer = call(other, "DELETE", "/switchover")
    assert (answer.status, answer.text) == (200, "scheduled switchover deleted")
    time.sleep(4 + shared.dcs["loop_wait"])  # what must not happen has had its chance
    assert shared.wait_for_leader() is old
    assert failover_key(shared) == {}


def test_what_cannot_be_done_is_refused_and_changes_nothing(shared):
    old = shared.wait_for_leader()
    first, second = shared.replicas()
    postmaster = old.postmaster()
    rows = [
        ("/switchover", {"leader": first.name, "candidate": second.name}, 412, "leader name does not match"),
        ("/switchover", {"leader": old.name, "candidate": "m9"}, 412, "candidate does not exists"),
        ("/switchover", {"leader": old.name, "candidate": old.name}, 400, "Switchover target and source are the same"),
        ("/switchover", {"candidate": first.name}, 400, "Switchover could be performed only from a specific leader"),
        ("/failover", {"leader": old.name}, 400, "Failover could be performed only to a specific candidate"),
        ("/failover", {"candidate": first.name, "scheduled_at": in_seconds(60)}, 400, "Failover can't be scheduled"),
        ("/switchover", {"leader": old.name, "scheduled_at": in_seconds(-60)}, 422,
         "Cannot schedule switchover in the past"),
        ("/switchover", {"leader": old.name, "scheduled_at": "soon"}, 422,
         "Unable to parse scheduled timestamp. It should be in an unambiguous format, e.g. ISO 8601"),
        ("/switchover", {"leader": 5}, 400, "leader should be the name of a member"),
        ("/switchover", "{", 400, None),
        ("/failover", {}, 400, None),
    ]
    for path, body, status, text in rows:
        answer = ask(first, path, body)
        assert answer.status == status, (body, answer)
        assert text is None or answer.text == text
    assert failover_key(shared) == {}
    # Written past the checks of the API: refused by the leader itself.
    for request, reason in [
            ({"leader": first.name, "member": second.name},
             f"switchover: leader name does not match: {first.name} != {old.name}"),
            ({"leader": old.name, "member": "m9"},
             "switchover: no healthy members found, switchover is not possible"),
            ({"member": old.name}, "manual failover: I am already the leader, no need to failover"),
            ({"leader": old.name, "scheduled_at": "2031-05-01T10:00"}, "Incorrect value of scheduled_at: 2031-05-01T10:00"),
            ({"leader": old.name, "scheduled_at": in_seconds(-3600)}, "Found a stale switchover value, cleaning up")]:
        after = len(old.log())
        shared.etcd.put(shared.key("failover"), json.dumps(request))
        old.wait_for_log(f"WARNING.*{reason}", 10, after=after)
        wait_settled(shared)
    assert shared.wait_for_leader() is old and old.postmaster() == postmaster


def test_a_candidate_that_does_not_answer_aborts_it(shared):
    old = shared.wait_for_leader()
    candidate = shared.replicas()[0]
    postmaster = old.postmaster()
    candidate.kill()
    answer = ask(old, "/switchover", {"leader": old.name, "candidate": candidate.name})
    assert (answer.status, answer.text) == (412, "switchover is not possible: no good candidates have been found")
    shared.etcd.put(shared.key("failover"), json.dumps({"leader": old.name, "member": candidate.name}))
    wait_settled(shared)
    assert shared.wait_for_leader() is old and old.postmaster() == postmaster
    candidate.start()
    shared.wait_for_streaming(60)


def test_paused_only_to_a_candidate(shared):
    old = shared.wait_for_leader()
    candidate = shared.replicas()[0]
    assert call(old, "PATCH", "/config", {"pause": True}).status == 200
    try:
        answer = ask(old, "/switchover", {"leader": old.name})
        assert (answer.status, answer.text) == (
            400, "Switchover is possible only to a specific candidate in a paused state")
        answer = ask(old, "/switchover", {"leader": old.name, "candidate": candidate.name, "scheduled_at": in_seconds(60)})
        assert (answer.status, answer.text) == (400, "Can't schedule switchover in the paused state")
        answer = ask(old, "/switchover", {"leader": old.name, "candidate": candidate.name})
        assert (answer.status, answer.text) == (200, f'Successfully switched over to "{candidate.name}"')
        shared.wait_for_streaming(30)
        wait_settled(shared)
    finally:
        assert call(old, "PATCH", "/config", {"pause": None}).status == 200
    assert shared.wait_for_leader() is candidate


def test_a_failover_without_a_leader_goes_to_whom_the_operator_names(cluster, writer):
    old = cluster.wait_for_leader()
    candidate = cluster.replicas()[1]
    wait_until("rows", lambda: len(writer.on(old)) > 20, 10)
    cluster.wait_for_replay()
    killed = time.time()
    old.kill_everything()
    answer = ask(candidate, "/failover", {"candidate": candidate.name}, timeout=60)
    # The key of the dead leader lives for ttl, and that is as long as a member waits for the outcome.
    assert answer.status == 200 or "status unknown after" in answer.text, answer
    assert cluster.wait_for_leader(cluster.dcs["ttl"] + 10, other_than=old) is candidate
    wait_until("a row on the new primary", lambda: writer.first_after(killed, member=candidate), 10)
    wait_settled(cluster)
    old.start()
    assert_all_is_well(cluster, writer)


@pytest.mark.parametrize("dies", ["leader", "candidate"])
def test_a_daemon_killed_in_the_middle_leaves_one_primary(cluster, writer, dies):
    """The writer's rows are committed locally: what the dead host alone had may be lost, nothing else."""
    old = cluster.wait_for_leader()
    candidate, other = cluster.replicas()
    wait_until("rows", lambda: len(writer.on(old)) > 20, 10)
    after = len(old.log())
    answers = []
    asking = threading.Thread(target=lambda: answers.append(
        ask(other, "/switchover", {"leader": old.name, "candidate": candidate.name})))
    asking.start()
    old.wait_for_log("switchover: demoting myself", 10, after=after)
    victim = old if dies == "leader" else candidate
    victim.kill()
    time.sleep(1)  # as a service manager would: not at once
    victim.start()  # within ttl: a daemon that stays away does not end its PostgreSQL (docs/safety.md)
    asking.join(LIMIT + 10)
    assert answers and answers[0].status in (200, 503), answers
    cluster.wait_for_leader(cluster.dcs["ttl"] + 20)
    cluster.wait_for_streaming(60)
    wait_settled(cluster)
    assert_nothing_lost(cluster, assert_all_is_well(cluster, writer))
