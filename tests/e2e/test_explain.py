"""What tanistctl explain says of real members: why, if nobody led, back then, and of the last failover."""
import datetime
import json
import time
import urllib.error
import urllib.request

import pytest

from harness.member import FAST, tanistctl
from harness.processes import wait_until

pytestmark = pytest.mark.xdist_group("explain")  # one cluster, one worker


def explained(member, *arguments):
    done = tanistctl(member, "explain", *arguments, "-f", "json", timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def of(answer, name):
    return next(item for item in answer if item["Member"] == name)


def check(verdict, rule):
    return next(check for check in verdict["Checks"] if check["rule"] == rule)


def test_each_member_says_why_and_whether_it_could_lead(shared):
    leader = shared.wait_for_leader()
    shared.wait_for_streaming()
    shared.wait_for_replay()
    replica = shared.replicas()[0]
    answer = explained(leader)
    assert {item["Member"] for item in answer} == {"m1", "m2", "m3"}
    leads = of(answer, leader.name)["Decision"]
    assert leads["Code"] == "no_action_leader"
    assert check(leads, "lease_holds")["passed"] and check(leads, "lease_holds")["numbers"]["left_seconds"] > 0
    assert "If nobody led" not in of(answer, leader.name)

    def streams():
        return check(of(explained(leader), replica.name)["Decision"], "streams")["passed"]
    wait_until("a decision on the stream", streams, 15)

    def would_lead():
        return of(explained(leader), replica.name)["If nobody led"]["Would lead"]
    wait_until("it would lead", would_lead, 15)
    # For people, and of one member by its name.
    text = tanistctl(leader, "explain", replica.name, timeout=30).stdout
    assert text.startswith(f"{replica.name} (replica, running)\n  no action. I am ({replica.name}), a secondary"), text
    assert "    passed streams                 it streams from " in text
    assert "\033[" not in text


def test_a_member_that_may_not_lead_says_by_what(shared):
    leader = shared.wait_for_leader()
    replica = shared.replicas()[0]
    replica.write_configuration(tags={"nofailover": True})
    replica.reload()
    try:
        def verdict():
            return of(explained(leader, replica.name), replica.name).get("If nobody led", {})
        wait_until("the tag is known", lambda: verdict().get("Code") == "not_allowed_to_promote", 15)
        assert check(verdict(), "may_promote")["text"] == "the tag nofailover keeps it from leading"
        assert not verdict()["Would lead"]
    finally:
        replica.write_configuration(tags=None)
        replica.reload()


def test_the_journal_is_paged_and_says_what_is_wrong_with_a_parameter(shared):
    def get(query):
        with urllib.request.urlopen(f"{shared['m1'].url}/journal{query}", timeout=5) as answer:
            return json.load(answer)
    whole = get("?limit=1000")
    assert whole["name"] == "m1" and not whole["earlier"] and len(whole["entries"]) > 2
    last = get("?limit=1")
    assert len(last["entries"]) == 1 and last["earlier"]
    first = whole["entries"][0]
    until = urllib.request.quote(first["at"])
    assert get(f"?until={until}")["entries"] == [first]
    with pytest.raises(urllib.error.HTTPError) as refused:
        get("?limit=all")
    assert refused.value.code == 400
    assert refused.value.read() == b"limit: 'all' is no number from 0 to 1000"


def test_the_last_failover_is_a_timeline_of_all_members(shared):
    old = shared.wait_for_leader()
    shared.wait_for_streaming()
    before = datetime.datetime.now().isoformat()
    time.sleep(1)  # decisions of before the fault are later than that
    old.kill_everything()
    new = shared.wait_for_leader(other_than=old)
    old.start()
    shared.wait_for_streaming()

    def rejoined():
        phases = explained(new, "--last-failover")["Phases"]
        back = f"{old.name} streamed from {new.name}"
        return any(phase["Phase"] == "rejoin" and phase["What"] == back for phase in phases)
    wait_until("the old leader streams", rejoined, 30)
    told = explained(new, "--last-failover")
    assert (told["Kind"], told["From"], told["To"]) == ("failover", old.name, new.name)
    took = {phase["Phase"]: phase["Milliseconds"] for phase in told["Phases"]}
    assert set(took) == {"detection", "lease end", "race", "promotion", "rejoin"}
    # The lease of a host that was killed runs out; all else takes moments.
    assert took["lease end"] > 1000 * (FAST["ttl"] - FAST["loop_wait"] - 5)
    assert took["race"] < 2000 and took["promotion"] < 5000
    assert told["Without a primary"]["Milliseconds"] >= took["lease end"]
    assert {"acquiring", "promoted_by_acquiring"} <= {step["Code"] for step in told["Decisions"]}
    assert all(abs(clock["Ahead ms"]) < 1000 for clock in told["Clocks"]), "one host, one clock"
    text = tanistctl(new, "explain", "--last-failover", timeout=30).stdout
    assert text.startswith(f"failover from {old.name} to {new.name}, timeline 2\n"), text
    # What was decided before is told of that time.
    then = explained(new, "--at", before)
    assert of(then, new.name)["Decision"]["Code"] == "no_action_secondary", then
    refused = tanistctl(new, "explain", "--at", "2100-01-01", timeout=30)
    assert refused.returncode == 1 and "--at 2100-01-01: that time is still to come" in refused.stderr


def test_of_a_member_that_is_silent_the_store_is_told(shared):
    leader = shared.wait_for_leader()
    replica = shared.replicas()[0]
    replica.kill()
    try:
        told = of(explained(leader), replica.name)
        assert told["Trouble"].startswith("it does not answer: "), told
        assert told["Role"] == "replica"
        assert "Decision" not in told
    finally:
        replica.start()
        shared.wait_for_streaming()


def test_a_journal_is_decided_again(shared):
    # Somebody has raced for the lead in it: the daemon's own file, and what it gives over REST.
    shared.wait_for_leader()
    for member in shared:
        done = tanistctl(member, "replay", str(member.state_dir / "journal.jsonl"), timeout=60)
        assert done.returncode == 0, done.stderr
        assert done.stdout.endswith(", 0 differ\n"), done.stdout
    answers = {}
    for member in shared:
        file = member.directory / "answer.json"
        with urllib.request.urlopen(f"{member.url}/journal?limit=1000", timeout=5) as answer:
            file.write_bytes(answer.read())
        file.chmod(0o644)
        done = tanistctl(member, "replay", str(file), "--with", "tags.nofailover=true", "-f", "json", timeout=60)
        assert done.returncode == 0, done.stderr
        answers[member.name] = json.loads(done.stdout)
    raced = [item for items in answers.values() for item in items if item["Recorded"]["Code"] == "acquiring"]
    assert raced and all(item["Decided"]["Code"] == "not_allowed_to_promote" for item in raced)
    wrong = tanistctl(shared["m1"], "replay", str(shared["m1"].directory / "answer.json"), "--with", "tttl=5", timeout=30)
    assert wrong.returncode == 1 and "unknown setting 'tttl'; did you mean 'ttl'?" in wrong.stderr
