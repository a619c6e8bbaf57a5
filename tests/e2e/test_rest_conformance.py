"""The checks of rest-api.md §12 on a lone primary, byte for byte where clients depend on it."""
import json
import socket

import pytest

from harness.cluster import Cluster
from harness.processes import wait_until
from harness.rest import call

pytestmark = pytest.mark.xdist_group("rest_conformance")  # one cluster, one worker


@pytest.fixture(scope="module")
def lone():
    cluster = Cluster(members=("m1",))
    try:
        cluster.start_store()
        cluster["m1"].start()
        cluster.wait_for_leader()
        wait_until("a primary that runs", lambda: cluster["m1"].status("/health") == 200, 10)
        yield cluster
    finally:
        cluster.close()


def raw(member, text):
    """All that comes back until the member closes the connection."""
    with socket.create_connection((member.host, member.rest_port), timeout=5) as connection:
        connection.sendall(text.encode())
        parts = []
        while part := connection.recv(65536):
            parts.append(part)
    return b"".join(parts).decode()


def test_health_checks_of_a_lone_primary(lone):
    member = lone["m1"]
    answer = call(member, "GET", "/")
    assert answer.status == 200 and answer.json["state"] == "running" and answer.json["role"] == "primary"
    for path, status in [("/standby_leader", 503), ("/health", 200), ("/replica", 503), ("/foo", 503)]:
        answer = call(member, "GET", path)
        assert answer.status == status and answer.json["role"] == "primary", path


def test_a_switchover_of_a_lone_primary_is_not_possible(lone):
    member = lone["m1"]
    answer = call(member, "POST", "/switchover", {"leader": "m1"})
    assert (answer.status, answer.text) == (412, "switchover is not possible: cluster does not have members except leader")
    assert call(member, "POST", "/failover", "").status == 400
    answer = call(member, "POST", "/failover", {"foo": "bar"})
    assert (answer.status, answer.text) == (400, "Failover could be performed only to a specific candidate")


def test_a_pending_restart_and_what_clears_it(lone):
    member = lone["m1"]
    try:
        assert call(member, "PATCH", "/config", {"postgresql": {"parameters": {"max_connections": 117}}}).status == 200
        wait_until("pending_restart", lambda: call(member, "GET", "/patroni").json.get("pending_restart"), 5)
        answer = call(member, "POST", "/restart", {"role": "replica"})
        assert (answer.status, answer.text) == (503, "restart conditions are not satisfied")
        assert call(member, "GET", "/patroni").json["pending_restart"]
        answer = call(member, "POST", "/restart", {"restart_pending": "True"})
        assert (answer.status, answer.text) == (200, "restarted successfully")
        wait_until("none", lambda: "pending_restart" not in call(member, "GET", "/patroni").json, 5)
        assert member.value("SHOW max_connections") == "117"
    finally:
        call(member, "PATCH", "/config", {"postgresql": {"parameters": {"max_connections": None}}})


@pytest.mark.parametrize("line, status", [
    ("OPTIONS /", "200 OK"), ("HEAD /primary", "200 OK"), ("OPTIONS /replica", "503 Service Unavailable"),
    ("HEAD /cluster", "503 Service Unavailable"), ("OPTIONS /x/y", "503 Service Unavailable")])
def test_a_status_alone_has_no_body(lone, line, status):
    answer = raw(lone["m1"], f"{line} HTTP/1.0\r\n\r\n")
    first, _, rest = answer.partition("\r\n")
    assert first == f"HTTP/1.1 {status}"
    assert rest.endswith("\r\n\r\n") and "\r\n\r\n" not in rest[:-4], answer
    assert "Content-Type" not in rest


def test_who_does_not_know_a_method_says_so_in_the_status_line(lone):
    answer = raw(lone["m1"], "BREW /coffee HTTP/1.0\r\n\r\n")
    assert answer.startswith("HTTP/1.1 501 Unsupported method ('BREW')\r\n")
    assert "Server does not support this operation" in answer


def test_answers_of_what_is_off_or_concerns_nobody(lone):
    member = lone["m1"]
    assert call(member, "POST", "/failsafe", {"name": "m2"}).status == 502
    answer = call(member, "POST", "/sigterm")
    assert (answer.status, answer.text) == (202, "shutdown scheduled")
    for path in ("/citus", "/mpp"):
        answer = call(member, "POST", path, {"type": "before_demote", "group": 1, "leader": "w", "timeout": 1, "cooldown": 1})
        assert (answer.status, answer.text) == (200, "OK")
        assert call(member, "POST", path, "{}").status == 400
    assert member.status("/primary") == 200


def test_nothing_is_scheduled_and_nothing_can_be_deleted(lone):
    member = lone["m1"]
    assert (call(member, "DELETE", "/restart").status, call(member, "DELETE", "/switchover").status) == (404, 404)
    for body, status, text in [
            ({"schedule": "soon"}, 422, "Unable to parse scheduled timestamp"),
            ({"schedule": "2031-05-04 03:00"}, 400, "Timezone information is mandatory for the scheduled restart"),
            ({"schedule": "2001-01-01T00:00Z"}, 422, "Cannot schedule restart in the past"),
            ({"role": "boss", "timeout": 0}, 400, "PostgreSQL role should be either primary, standby_leader, or replica"),
            ({"timeout": 0, "role": "boss"}, 400, "Timeout should be a positive number of seconds"),
            ({"postgres_version": "15.x"}, 400, "Invalid PostgreSQL version: 15.x"),
            ({"when": 1}, 400, "Unknown filter for the scheduled restart: when")]:
        answer = call(member, "POST", "/restart", body)
        assert answer.status == status and answer.text.startswith(text), (body, answer)
    for body, status, text in [
            ({"leader": "m1", "scheduled_at": "2031-05-04 03:00"}, 400,
             "Timezone information is mandatory for the scheduled switchover"),
            ({"leader": "m1", "scheduled_at": "2001-01-01T00:00Z"}, 422, "Cannot schedule switchover in the past"),
            ({"leader": "m1", "candidate": "m1"}, 400, "Switchover target and source are the same"),
            ({"candidate": "m1"}, 400, "Switchover could be performed only from a specific leader"),
            ({"leader": "m2", "candidate": "m3"}, 412, "leader name does not match"),
            ({"leader": "m1", "candidate": "m3"}, 412, "candidate does not exists")]:
        answer = call(member, "POST", "/switchover", body)
        assert answer.status == status and answer.text == text, (body, answer)
    assert json.loads(lone.etcd.get(lone.key("failover"), absent="{}")) == {}


def test_in_pause_only_what_somebody_asks_for_is_done(new_cluster):
    cluster = new_cluster(members=("m1", "m2")).start()
    primary, replica = cluster.wait_for_leader(), cluster.replicas()[0]
    assert call(primary, "PATCH", "/config", {"pause": True}).status == 200
    wait_until("pause everywhere", lambda: all(call(m, "GET", "/patroni").json.get("pause") for m in cluster), 10)

    replica.kill_postmaster()
    wait_until("no replica", lambda: replica.status("/replica") == 503, 5)
    wait_until("a member that is stopped", lambda: json.loads(
        cluster.etcd.get(cluster.key(f"members/{replica.name}")))["state"] == "stopped", 15)
    answer = call(replica, "POST", "/restart", {}, timeout=30)
    assert (answer.status, answer.text) == (200, "restarted successfully")
    wait_until("the replica", lambda: replica.status("/replica") == 200, 15)

    later = "2031-05-04T03:00:00Z"
    answer = call(replica, "POST", "/restart", {"schedule": later})
    assert (answer.status, answer.text) == (500, "Can't schedule restart in the paused state")
    asked = {"leader": primary.name}
    answer = call(primary, "POST", "/switchover", asked)
    assert (answer.status, answer.text) == (400, "Switchover is possible only to a specific candidate in a paused state")
    answer = call(primary, "POST", "/switchover", {**asked, "candidate": replica.name, "scheduled_at": later})
    assert (answer.status, answer.text) == (400, "Can't schedule switchover in the paused state")
    cluster.wait_for_streaming()
    answer = call(primary, "POST", "/switchover", {**asked, "candidate": replica.name}, timeout=40)
    assert (answer.status, answer.text) == (200, f'Successfully switched over to "{replica.name}"')
