"""Clients that know no roles: through HAProxy with the configuration in packaging, and with the addresses of all members
in one URI. Both follow the primary through a switchover and a failover."""
import shutil
import threading
import time
from pathlib import Path

import psycopg
import pytest

from harness.member import SUPERUSER, SUPERUSER_PASSWORD
from harness.ports import free_port
from harness.processes import end, spawn, wait_until
from harness.rest import call

SAMPLE = Path(__file__).resolve().parents[2] / "packaging/haproxy/haproxy.cfg"
# From the moment that somebody is primary: HAProxy looks each second, tries to connect for four, and the client comes again.
FOLLOWS_WITHIN = 8


class Client:
    """Writes a row on a connection of its own, again and again: each acknowledged row with the server that it went to."""

    def __init__(self, conninfo):
        self.conninfo, self.rows, self.errors, self.reads = conninfo, [], [], []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join(20)

    def _run(self):
        number = 0
        while not self._stop.is_set():
            number += 1
            try:
                with psycopg.connect(self.conninfo, connect_timeout=2, autocommit=True) as connection:
                    port = connection.execute("INSERT INTO through VALUES (%s) RETURNING inet_server_port()",
                                              [number]).fetchone()[0]
                self.rows.append((time.time(), number, port))
            except psycopg.Error as error:
                self.errors.append((time.time(), str(error).strip()))
                time.sleep(0.02)

    def wait_for_row_on(self, member, since, timeout):
        return wait_until(f"a row on {member.name}", lambda: next(
            (when for when, _, port in self.rows if when > since and port == member.port), None), timeout)


def options():
    return f"user={SUPERUSER} password={SUPERUSER_PASSWORD} dbname=postgres"


@pytest.fixture
def proxy(cluster, tmp_path):
    """HAProxy in front of the cluster; (address for writes, address for reads)."""
    if not shutil.which("haproxy", path="/usr/sbin:/usr/bin"):
        pytest.skip("haproxy is missing: scripts/setup installs it")
    writes, reads = free_port(), free_port()
    text = SAMPLE.read_text().replace("bind *:5000", f"bind 127.0.0.1:{writes}").replace("bind *:5001",
                                                                                        f"bind 127.0.0.1:{reads}")
    for last, member in enumerate(cluster, start=11):
        text = text.replace(f"10.20.0.{last}:5432 check port 8008", f"127.0.0.1:{member.port} check port {member.rest_port}")
    assert "10.20" not in text
    folder = cluster.directory
    (folder / "haproxy.cfg").write_text(text)
    process = spawn(["haproxy", "-db", "-f", folder / "haproxy.cfg"], folder / "haproxy.log", cwd=folder)
    try:
        yield (f"host=127.0.0.1 port={writes} {options()}", f"host=127.0.0.1 port={reads} {options()}")
    finally:
        end(process)


def switch_over(cluster):
    old, candidate = cluster.wait_for_leader(), cluster.replicas()[0]
    answer = call(old, "POST", "/switchover", {"leader": old.name, "candidate": candidate.name}, timeout=40)
    assert answer.status == 200, answer
    return old, candidate


def fail_over(cluster):
    old = cluster.wait_for_leader()
    old.kill_everything()
    return old, cluster.wait_for_leader(60, other_than=old)


def follow(cluster, client, what):
    before, failures = time.time(), len(client.errors)
    old, new = what(cluster)
    since = time.time()
    first = client.wait_for_row_on(new, before, FOLLOWS_WITHIN)
    last = max(when for when, _, port in client.rows if port == old.port)
    print(f"{what.__name__}: the next row {first - last:.2f} s after the last, {first - since:+.2f} s after there was a "
          f"primary, {len(client.errors) - failures} failures in between")
    # Whoever follows never goes back to the old one.
    time.sleep(1)
    assert {port for when, _, port in client.rows if when > first} == {new.port}
    return new


def test_haproxy_leads_clients_to_the_primary_through_switchover_and_failover(cluster, proxy):
    writes, reads = proxy
    cluster.wait_for_leader().query("CREATE TABLE through (number bigint)")
    wait_until("HAProxy to see the primary", lambda: can_connect(writes), 15)
    with Client(writes) as client:
        wait_until("rows", lambda: len(client.rows) > 20, 10)
        follow(cluster, client, switch_over)
        cluster.wait_for_streaming(20)
        there = {number for (number,) in cluster.wait_for_leader().query("SELECT number FROM through")}
        lost = {number for _, number, _ in client.rows} - there - {number for _, number, _ in client.rows[-50:]}
        assert not lost, "a switchover loses nothing, whoever stands between"
        follow(cluster, client, fail_over)
        # Its checks may not have seen yet that one of them is the primary now.
        wait_until("reads to go to replicas only", lambda: all(is_read_by_a_replica(reads) for _ in range(6)), 15)


def is_read_by_a_replica(conninfo):
    with psycopg.connect(conninfo, connect_timeout=5) as connection:
        return connection.execute("SELECT pg_is_in_recovery()").fetchone()[0]


def can_connect(conninfo):
    try:
        psycopg.connect(conninfo, connect_timeout=2).close()
        return True
    except psycopg.Error:
        return False


def test_a_uri_of_all_members_leads_clients_to_the_primary(cluster):
    cluster.wait_for_leader().query("CREATE TABLE through (number bigint)")
    hosts = ",".join(m.host for m in cluster)
    ports = ",".join(str(m.port) for m in cluster)
    with Client(f"host={hosts} port={ports} {options()} target_session_attrs=read-write") as client:
        wait_until("rows", lambda: len(client.rows) > 20, 10)
        follow(cluster, client, switch_over)
        follow(cluster, client, fail_over)
