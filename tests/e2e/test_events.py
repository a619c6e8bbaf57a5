"""GET /events: whoever listens hears of a failover as it happens, and after a loss of connection what was missed, once."""
import json
import subprocess
import time

import pytest

from harness.events import Listener
from harness.processes import account, wait_until
from harness.rest import call

pytestmark = pytest.mark.xdist_group("events")  # one cluster, one worker


def snapshot_of(listener):
    return listener.wait_for("snapshot", lambda kind, data: kind == "snapshot")[1]


def leads(name):
    return lambda kind, data: kind == "leader" and data["leader"] == name


def test_a_failover_is_told_at_once_and_can_be_resumed(shared):
    old = shared.wait_for_leader()
    watcher, *_ = shared.replicas()
    with Listener(watcher) as first, Listener(watcher) as second:
        known = snapshot_of(first)
        snapshot_of(second)
        assert known["leader"] == old.name and known["why"] == "begin"
        assert {m["member"]: m["role"] for m in known["members"]}[old.name] == "leader"
        assert any("text/event-stream" in line for line in first.header)
        second.close()
        old.kill_everything()
        seen_gone, _ = first.wait_for("a leader other than the old", lambda kind, data:
                                      kind == "leader" and data["leader"] not in (None, old.name), 60)
        new = shared.wait_for_leader(30, other_than=old)
        taken = next(e.when for e in shared.observer.events if e.key == shared.key("leader") and e.value == new.name)
        print(f"the new leader was told {1000 * (seen_gone - taken):.0f} ms after the store told it")
        assert seen_gone - taken < 1
        first.wait_for("the role", lambda kind, data: kind == "role" and data["member"] == new.name)
        old.start()
        first.wait_for("the old one streams", lambda kind, data:
                       kind == "state" and data["member"] == old.name and data["state"] == "streaming", 60)
        shared.wait_for_streaming()
        # The second listener hears all of it when it comes again, the same and in the same order.
        with Listener(watcher, last_id=second.ids[-1]) as resumed:
            resumed.wait_for("the same end", lambda kind, data: (resumed.ids[-1] == first.ids[-1]))
            start = first.ids.index(second.ids[-1]) + 1
            assert resumed.seen == first.seen[start:]
            assert len(set(resumed.ids)) == len(resumed.ids)
        numbers = [int(i.rpartition("-")[2]) for i in first.ids]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def test_what_is_no_id_is_answered_with_all_there_is(shared):
    member = shared.wait_for_leader()
    with Listener(member) as listener:
        snapshot_of(listener)
        current = listener.ids[-1]
    run, _, number = current.rpartition("-")
    for bad in ("garbage", "-1", f"{run}-{int(number) + 1000}", f"{run}x-{number}", f"{run}-", "9" * 4000, "\u00e9",
                f"{run}-{number}; DROP TABLE"):
        with Listener(member, last_id=bad) as listener:
            assert snapshot_of(listener)["why"] == "unknown id", bad
    # Of another member, and of an earlier life of this one.
    other = shared.replicas()[0]
    with Listener(other, last_id=current) as listener:
        assert snapshot_of(listener)["why"] == "unknown id"
    other_id = listener.ids[-1]
    other.kill()
    other.start()
    shared.wait_for_streaming()
    with Listener(other, last_id=other_id) as listener:
        assert snapshot_of(listener)["why"] == "unknown id"


def test_pause_configuration_schedules_and_restarts_are_told(shared):
    leader = shared.wait_for_leader()
    replica = shared.replicas()[0]
    with Listener(replica) as listener:
        snapshot_of(listener)
        assert call(leader, "PATCH", "/config", {"pause": True}).status == 200
        listener.wait_for("pause", lambda kind, data: kind == "pause" and data["pause"] is True)
        assert call(leader, "PATCH", "/config", {"pause": None, "postgresql": {"parameters": {"work_mem": "5MB"}}}
                    ).status == 200
        listener.wait_for("resume", lambda kind, data: kind == "pause" and data["pause"] is False)
        listener.wait_for("the keys", lambda kind, data:
                          kind == "config" and "postgresql.parameters" in " ".join(data["changed"]))
        at = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(time.time() + 3600))
        planned = call(leader, "POST", "/switchover", {"leader": leader.name, "candidate": replica.name,
                                                       "scheduled_at": at})
        assert planned.status == 202, planned
        listener.wait_for("the plan", lambda kind, data: kind == "schedule" and data["what"] == "switchover" and
                          data["to"] == replica.name and "withdrawn" not in data)
        assert call(leader, "DELETE", "/switchover").status == 200
        listener.wait_for("its end", lambda kind, data: kind == "schedule" and data.get("withdrawn") is True)
        assert call(replica, "POST", "/restart", {}, timeout=60).status == 200
        listener.wait_for("the restart", lambda kind, data: kind == "task" and data["task"] == "restart")
        listener.wait_for("its end", lambda kind, data: kind == "task" and data["task"] is None)


def test_list_shows_again_when_something_changes(shared):
    """Every minute, and at once when a member tells of a change."""
    leader = shared.wait_for_leader()
    who = account()
    drop = {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []} if who else {}
    shown = shared.directory / "shown"
    with shown.open("w") as out, subprocess.Popen(
            [leader.bin_dir / "tanistctl", "-c", leader.config_file, "list", "-w", "60"], stdout=out, cwd="/",
            **drop) as watching:
        try:
            wait_until("the first round", lambda: "Cluster:" in shown.read_text(), 10)
            time.sleep(0.5)  # until it listens
            assert "Maintenance" not in shown.read_text()
            assert call(leader, "PATCH", "/config", {"pause": True}).status == 200
            wait_until("the pause to be shown", lambda: "Maintenance mode: on" in shown.read_text(), 5)
            assert call(leader, "PATCH", "/config", {"pause": None}).status == 200
            wait_until("its end to be shown", lambda: shown.read_text().rstrip().endswith("+"), 5)
        finally:
            watching.kill()


def test_http_1_0_and_a_daemon_that_ends(shared):
    member = shared.replicas()[0]
    old = subprocess.run(["curl", "-sN0", "-m", "2", f"{member.url}/events"], capture_output=True, text=True)
    assert old.stdout.startswith("retry: 1000\n\nid: "), old.stdout
    assert json.loads(old.stdout.splitlines()[4].removeprefix("data: "))["why"] == "begin"
    with Listener(member) as listener:
        snapshot_of(listener)
        member.stop()
        assert listener.process.wait(5) == 0, "the answer is whole"
    member.start()
    shared.wait_for_streaming()


def test_listeners_hold_up_no_health_check(shared):
    member = shared.replicas()[0]
    listeners = [Listener(member) for _ in range(200)]
    try:
        for listener in listeners:
            snapshot_of(listener)
        worst = 0
        for n in range(100):
            if n % 10 == 0:
                call(member, "PATCH", "/config", {"postgresql": {"parameters": {"work_mem": f"{6 + n}MB"}}})
            begun = time.monotonic()
            assert member.status("/replica") == 200
            worst = max(worst, time.monotonic() - begun)
        print(f"worst of 100 health checks beside 200 listeners: {1000 * worst:.1f} ms")
        assert worst < 1
        wait_until("all listeners to hear the last change", lambda: all(
            any(kind == "config" for _, kind, _ in listener.drain(0)) for listener in listeners), 10)
    finally:
        for listener in listeners:
            listener.close()
