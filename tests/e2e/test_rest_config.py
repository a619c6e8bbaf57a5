"""A change of the dynamic configuration over REST reaches every member within a second; a wrong one changes nothing."""
import json
import signal
import time

import pytest

from harness.processes import send, wait_until
from harness.rest import call

pytestmark = pytest.mark.xdist_group("rest_config")  # one cluster, one worker


def stored(cluster):
    return json.loads(cluster.etcd.get(cluster.key("config")))


def test_a_patch_is_in_force_on_all_members_within_a_second(shared):
    replica = shared.replicas()[0]
    connections = [member.connect() for member in shared]
    took = []
    try:
        for size in ("5MB", "6MB", "7MB"):
            began = time.time()
            answer = call(replica, "PATCH", "/config", {"postgresql": {"parameters": {"work_mem": size}}})
            assert answer.status == 200 and answer.json["postgresql"]["parameters"]["work_mem"] == size, answer
            assert call(replica, "GET", "/config").json == answer.json, "who changed it reads it back at once"
            wait_until(f"work_mem {size} everywhere", lambda: all(
                c.execute("SHOW work_mem").fetchone()[0] == size for c in connections), 5, interval=0.01)
            took.append(time.time() - began)
            time.sleep(0.2)  # each PATCH meets members at rest
    finally:
        for connection in connections:
            connection.close()
    assert sorted(took)[1] < 1.0, took  # the median: other tests may hold the processor for a while
    assert stored(shared)["postgresql"]["parameters"]["work_mem"] == "7MB"


def test_a_parameter_that_needs_a_restart_is_shown_as_pending(shared):
    member = shared["m1"]
    before = stored(shared)
    answer = call(member, "PATCH", "/config", {"postgresql": {"parameters": {"max_connections": 123}}})
    assert answer.status == 200, answer
    for member in shared:
        wait_until("pending_restart", lambda: member.rest("/patroni")[1].get("pending_restart"), 5)
    assert call(member, "PATCH", "/config", {"postgresql": {"parameters": {"max_connections": None}}}).json == before
    for member in shared:
        wait_until("no pending_restart", lambda: "pending_restart" not in member.rest("/patroni")[1], 5)


@pytest.mark.parametrize("body, status, words", [
    ('{"ttl": "soon"}', 400, ["ttl", "soon"]),
    ('{"postgresql": {"parameters": [1]}}', 400, ["postgresql.parameters"]),
    ('{"ttl": ', 400, ["JSON"]),
    ('[1, 2]', 400, ["list"]),
    ('{}', 400, ["empty"]),
    ("x" * 2_000_000, 413, []),
], ids=["refused-value", "refused-parameters", "broken-json", "no-object", "empty", "too-large"])
def test_a_wrong_body_is_named_and_changes_nothing(shared, body, status, words):
    before = shared.etcd.get(shared.key("config"))
    for method in ("PATCH", "PUT"):
        try:
            answer = call(shared["m2"], method, "/config", body)
        except (BrokenPipeError, ConnectionResetError):
            assert status == 413  # the answer came while the body was still being sent
            continue
        assert answer.status == status, answer
        for word in words:
            assert word in answer.text
    assert shared.etcd.get(shared.key("config")) == before


def test_timing_that_members_adjust_is_accepted(shared):
    before = stored(shared)
    answer = call(shared["m1"], "PATCH", "/config", {"ttl": 5})
    assert answer.status == 200 and answer.json["ttl"] == 5
    shared["m1"].wait_for_log("ttl=5 can't be smaller than 20, adjusting", 5)
    assert call(shared["m1"], "PUT", "/config", before).status == 200
    assert stored(shared) == before


def test_reload_writes_postgresql_conf_anew_even_when_nothing_changed(shared):
    member = shared.replicas()[0]
    conf = member.data / "postgresql.conf"
    conf.write_text(conf.read_text() + "work_mem = '64kB'  # by hand\n")
    after = len(member.log())
    answer = call(member, "POST", "/reload")
    assert (answer.status, answer.text) == (202, "reload scheduled")
    wait_until("the hand-made line to be gone", lambda: "by hand" not in conf.read_text(), 5)
    member.wait_for_log("No local configuration items changed.", 5, after=after)
    member.wait_for_log("Reloading PostgreSQL configuration.", 5, after=after)


def test_a_reload_during_the_start_keeps_the_dynamic_configuration(shared):
    member = shared.replicas()[0]
    assert call(member, "PATCH", "/config", {"postgresql": {"parameters": {"work_mem": "11MB"}}}).status == 200
    wait_until("work_mem", lambda: member.value("SHOW work_mem") == "11MB", 5)
    member.kill()
    after = len(member.log())
    member.start()
    member.wait_for_log(".", after=after)  # from here on SIGHUP is obeyed
    member.reload()
    member.wait_for_log("Reloading PostgreSQL configuration.", 10, after=after)
    wait_until("REST", lambda: member.status("/replica") == 200, 10)
    for _ in range(10):
        assert member.value("SHOW work_mem") == "11MB"
        time.sleep(0.05)  # it must not vanish for a moment either


def test_what_is_not_built_yet_says_so(shared):
    for method, path in [("POST", "/citus"), ("BREW", "/coffee")]:
        assert call(shared["m1"], method, path).status == 501


def test_a_store_that_does_not_answer_is_told(shared):
    pid = shared.etcd.processes[0].pid
    send(pid, signal.SIGSTOP)
    try:
        answer = call(shared["m1"], "PATCH", "/config", {"ttl": 21})
        assert answer.status == 503 and "store" in answer.text, answer
    finally:
        send(pid, signal.SIGCONT)
    wait_until("the old configuration", lambda: stored(shared)["ttl"] == shared.dcs["ttl"], 5)
