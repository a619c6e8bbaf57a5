"""Whatever a stranger sends: the right status or none, a member that goes on, and nothing changed in the cluster."""
import random
import socket
from pathlib import Path

import pytest

from harness.cluster import Cluster
from harness.processes import wait_until

pytestmark = pytest.mark.xdist_group("rest_hostile")  # one cluster, one worker

SEED = 20310504
REQUESTS = 10_000
# Besides these only 500 would be an answer, and it would say that something was not thought of.
STATUSES = {"100", "200", "202", "400", "401", "404", "411", "413", "431", "501", "502", "503"}


@pytest.fixture(scope="module")
def lone():
    """With a password that no stranger knows."""
    cluster = Cluster(members=("m1",), overrides={"restapi": {"authentication": {"username": "admin", "password": "s3"}}})
    try:
        cluster.start_store()
        cluster["m1"].start()
        cluster.wait_for_leader()
        wait_until("a primary", lambda: cluster["m1"].status("/health") == 200, 10)
        yield cluster
    finally:
        cluster.close()


def exchange(member, data):
    """All that comes back; the client is done with sending."""
    with socket.create_connection((member.host, member.rest_port), timeout=10) as connection:
        parts = []
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            while part := connection.recv(65536):
                parts.append(part)
        except ConnectionError:
            pass
    return b"".join(parts)


def statuses(answer):
    return [line.split(" ")[1] for line in answer.decode("latin1").split("\r\n") if line.startswith("HTTP/1.1 ")]


def configured(cluster):
    """What only a decision of somebody changes; positions and leases move by themselves."""
    names = ("config", "failover", "initialize", "history", "leader", "sync")
    return {name: cluster.etcd.get(cluster.key(name), absent="") for name in names}


def resident_kb(member):
    return next(int(line.split()[1]) for line in Path(f"/proc/{member.pid}/status").read_text().splitlines()
                if line.startswith("VmRSS:"))


@pytest.mark.parametrize("head, wanted", [
    ("POST /config HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n", "400"),
    ("POST /config HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n", "400"),
    ("PATCH /config HTTP/1.1\r\nTransfer-Encoding: chunked\r\n", "411"),
    ("PATCH /config HTTP/1.1\r\nTransfer-Encoding: chunked, identity\r\n", "411"),
    ("PATCH /config HTTP/1.1\r\nContent-Length: 4\r\nContent-Length: 5\r\n", "400"),
    ("PATCH /config HTTP/1.1\r\nContent-Length: 4\r\n 0\r\n", "400"),
    ("PATCH /config HTTP/1.1\nContent-Length: 4\n", "400"),
    ("PATCH /config HTTP/1.1\r\nContent-Length: 4\nX: y\r\n", "400"),
    ("PATCH /config HTTP/1.1\r\nContent-Length : 4\r\n", "400"),
    ("PATCH /config HTTP/1.1\r\nContent-Length: 2000000\r\n", "413"),
    ("GET /primary HTTP/1.1\r\nX: " + "x" * 20000 + "\r\n", "431"),
    ("GET /" + "x" * 20000 + " HTTP/1.1\r\n", "431"),
    ("GET /primary HTTP/2.0\r\n", "400"),
    ("GET /../../../../etc/passwd HTTP/1.1\r\n", "503"),
    ("GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\n", "503"),
    ("GET /config/../../etc/passwd HTTP/1.1\r\n", "200"),
    ("PATCH /config HTTP/1.1\r\nContent-Length: 2\r\n", "401"),
], ids=range(17))
def test_each_form_has_its_status(lone, head, wanted):
    before = configured(lone)
    body = "{}" if head.endswith("Length: 2\r\n") else "1a\r\n" + "z" * 26 + "\r\n0\r\n\r\n"
    answer = exchange(lone["m1"], (head + "\r\n" + body).encode())
    assert statuses(answer)[:1] == [wanted], answer[:300]
    assert wanted == "200" or len(statuses(answer)) == 1, "nothing behind it was taken for another request"
    assert b"root:" not in answer
    assert configured(lone) == before


def hostile(dice):
    """A request that is mostly understood, damaged now and then."""
    method = dice.choice(["GET", "GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE", "\x00"])
    path = dice.choice(["/", "/primary", "/replica?lag=1MB", "/patroni", "/cluster", "/config", "/history", "/metrics",
                        "/restart", "/switchover", "/failover", "/reload", "/reinitialize", "/failsafe", "/sigterm", "/mpp",
                        "/../../etc/passwd", "/%00", "/config/%2e%2e", "http://h/config", "*", "/?" + "a=b&" * 50])
    fields = [dice.choice(["Host: x", "Content-Length: 7", "Content-Length: 0", "Content-Length: -1", "Expect: 100-continue",
                           "Transfer-Encoding: chunked", "Connection: close", "Authorization: Basic YWRtaW46czQ=",
                           "Authorization: " + "x" * 200, "X" * 300 + ": y", " folded", "Accept: */*;q=x", "\xff\xfe: \x01"])
              for _ in range(dice.randrange(4))]
    body = dice.choice(["", "{}", '{"ttl": 20}', '{"leader": "m1", "candidate": "m1"}', "[" * 200, "x" * 5000, '"\\ud800"'])
    if dice.random() < 0.5:
        fields.append(f"Content-Length: {len(body)}")
    data = bytearray("\r\n".join([f"{method} {path} HTTP/1.1", *fields, "", body]).encode("latin1"))
    for _ in range(dice.choice([0, 0, 0, 1, 2, 5])):
        at = dice.randrange(len(data))
        kind = dice.randrange(4)
        if kind == 0:
            data[at] = dice.randrange(256)
        elif kind == 1:
            del data[at:at + dice.randrange(1, 10)]
        elif kind == 2:
            data[at:at] = bytes(dice.randrange(256) for _ in range(dice.randrange(1, 20)))
        else:
            data[at:at] = data[:dice.randrange(60)]
        data = data or bytearray(b"G")
    return bytes(data)


def test_ten_thousand_broken_requests_change_nothing(lone):
    member = lone["m1"]
    print(f"seed {SEED}")
    dice = random.Random(SEED)
    before, pid, start = configured(lone), member.pid, member.value("SELECT pg_postmaster_start_time()")
    seen, memory = {}, 0
    for number in range(REQUESTS):
        if number == REQUESTS // 5:  # what is needed once is there by then
            memory = resident_kb(member)
        data = hostile(dice)
        for status in statuses(exchange(member, data)):
            seen[status] = seen.get(status, 0) + 1
            assert status in STATUSES, (number, SEED, data)
        if number % 1000 == 0:
            assert member.status("/primary") == 200
    print(seen)
    assert {"200", "400", "401", "501"} <= seen.keys(), seen
    assert member.running() and member.pid == pid
    assert resident_kb(member) - memory < 4096, (memory, resident_kb(member))
    assert configured(lone) == before
    assert member.value("SELECT pg_postmaster_start_time()") == start
    assert member.status("/primary") == 200
