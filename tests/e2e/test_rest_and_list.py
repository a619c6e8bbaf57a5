"""What load balancers, operators and their scripts read: health checks, status documents, tanistctl."""
import json
import re
import resource
import selectors
import socket

import pytest
import yaml

from harness.cluster import Cluster
from harness.member import tanistctl
from harness.processes import wait_until

pytestmark = pytest.mark.xdist_group("calm")  # one cluster, one worker

PRIMARY_YES = ["/", "/primary", "/leader", "/read-write", "/read-only", "/health", "/liveness", "/readiness", "/master"]
PRIMARY_NO = ["/replica", "/standby-leader"]
REPLICA_YES = ["/replica", "/read-only", "/health", "/liveness", "/readiness", "/replica?lag=10MB"]
REPLICA_NO = ["/", "/primary", "/leader", "/read-write", "/master", "/standby-leader"]


@pytest.fixture(scope="module")
def calm():
    """One cluster for all tests of this file: they only look."""
    cluster = Cluster()
    try:
        cluster.start()
        # Health checks and list show what was published last: a second after the clone all agree with PostgreSQL.
        wait_until("replicas without lag", lambda: all(r.status("/readiness") == 200 for r in cluster.replicas()), 10)
        wait_until("a list without lag", lambda: all(row.get("Replay Lag", 0) == 0 for row in listed(cluster)), 10)
        yield cluster
    finally:
        cluster.close()


def test_health_checks_tell_primary_from_replica(calm):
    primary = calm.wait_for_leader()
    for path in PRIMARY_YES:
        assert primary.status(path) == 200, path
    for path in PRIMARY_NO:
        assert primary.status(path) == 503, path
    for replica in calm.replicas():
        for path in REPLICA_YES:
            assert replica.status(path) == 200, path
        for path in REPLICA_NO:
            assert replica.status(path) == 503, path


def test_two_thousand_connections_that_ask_nothing_silence_nobody(calm):
    primary = calm.wait_for_leader()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 2500:
        pytest.skip(f"only {hard} files may be open")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2500), hard))

    def connect():
        sock = socket.create_connection((primary.host, primary.rest_port), timeout=2)
        sock.sendall(b"G")
        sock.setblocking(False)
        return sock

    with selectors.DefaultSelector() as selector:
        for _ in range(2000):
            selector.register(connect(), selectors.EVENT_READ)
        answers = []
        for _ in range(30):
            answers.append(primary.status("/primary"))
            for key, _ in selector.select(0)[:200]:  # closed: opened again, as fast as a slow client does it
                selector.unregister(key.fileobj)
                key.fileobj.close()
                selector.register(connect(), selectors.EVENT_READ)
        for key in list(selector.get_map().values()):
            key.fileobj.close()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert answers == [200] * 30


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS"])
def test_health_checks_without_a_body(calm, method):
    assert calm.wait_for_leader().status("/primary", method=method) == 200
    assert calm.replicas()[0].status("/primary", method=method) == 503


def test_the_status_document_has_what_peers_and_tools_read(calm):
    primary = calm.wait_for_leader()
    status, document = primary.rest("/patroni")
    assert status == 200
    assert document["state"] == "running" and document["role"] == "primary"
    assert document["server_version"] == int(primary.value("SHOW server_version_num"))
    assert document["timeline"] == 1
    assert document["xlog"]["location"] > 0
    assert {r["application_name"] for r in document["replication"]} == {m.name for m in calm if m is not primary}
    assert document["patroni"]["scope"] == calm.scope and document["patroni"]["name"] == primary.name
    assert re.fullmatch(r"\d+\.\d+\.\d+", document["patroni"]["version"])
    assert document["database_system_identifier"] == primary.system_identifier()
    replica = calm.replicas()[0]
    document = replica.rest("/patroni")[1]
    assert document["role"] == "replica" and document["replication_state"] == "streaming"
    assert {"received_location", "replayed_location", "replayed_timestamp", "paused"} <= set(document["xlog"])


def test_cluster_is_the_same_everywhere(calm):
    primary = calm.wait_for_leader()

    def settled():
        views = [m.rest("/cluster")[1] for m in calm]
        rows = [[(x["name"], x["role"], x["state"], x["host"], x["port"], x["timeline"]) for x in v["members"]]
                for v in views]
        expected = [(m.name, "leader" if m is primary else "replica", "running" if m is primary else "streaming",
                     m.host, m.port, 1) for m in calm]
        return views if all(r == expected for r in rows) else None

    views = wait_until("the same cluster everywhere", settled, 15)
    assert all(v["scope"] == calm.scope for v in views)


def listed(calm):
    """The rows of `list`, once every member's key tells its final state."""
    def settled():
        rows = json.loads(tanistctl(calm["m1"], "list", "-f", "json").stdout)
        return rows if {r["State"] for r in rows} == {"running", "streaming"} else None
    return wait_until("list to show everybody running", settled, 15)


def test_list_as_json_and_yaml(calm):
    primary = calm.wait_for_leader()
    rows = listed(calm)
    assert [row["Member"] for row in rows] == ["m1", "m2", "m3"]
    leader = next(row for row in rows if row["Role"] == "Leader")
    assert leader["Member"] == primary.name and leader["State"] == "running" and leader["TL"] == 1
    assert leader["Cluster"] == calm.scope and leader["Host"] == f"{primary.host}:{primary.port}"
    assert "Receive LSN" not in leader
    for row in rows:
        if row is not leader:
            assert row["Role"] == "Replica" and row["Receive Lag"] == 0 and row["Replay Lag"] == 0
            assert re.fullmatch(r"[0-9A-F]+/[0-9A-F]+", row["Receive LSN"])
    done = tanistctl(calm["m1"], "list", "-f", "yaml")
    assert [row["Member"] for row in yaml.safe_load(done.stdout)] == ["m1", "m2", "m3"]


def test_list_as_a_table(calm):
    listed(calm)
    done = tanistctl(calm["m1"], "list")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    identifier = calm["m1"].system_identifier()
    assert lines[0].startswith(f"+ Cluster: {calm.scope} ({identifier}) ")
    header = [cell.strip() for cell in lines[1].strip("|").split("|")]
    assert header == ["Member", "Host", "Role", "State", "TL", "Receive LSN", "Lag", "Replay LSN", "Lag"]
    assert len({len(line) for line in lines if line}) == 1, "all lines are equally long"
    assert [line.split("|")[1].strip() for line in lines[3:6]] == ["m1", "m2", "m3"]


def test_list_as_tsv(calm):
    listed(calm)
    rows = [line.split("\t") for line in tanistctl(calm["m1"], "list", "-f", "tsv").stdout.splitlines() if line]
    assert rows[0] == ["Cluster", "Member", "Host", "Role", "State", "TL", "Receive LSN", "Receive Lag", "Replay LSN",
                       "Replay Lag"]
    assert [row[1] for row in rows[1:]] == ["m1", "m2", "m3"]


def test_topology_puts_replicas_below_the_leader(calm):
    primary = calm.wait_for_leader()
    listed(calm)
    done = tanistctl(calm["m1"], "topology")
    names = [line.split("|")[1].rstrip() for line in done.stdout.splitlines()[3:6]]
    others = sorted(m.name for m in calm if m is not primary)
    assert [n.removeprefix(" ") for n in names] == [primary.name, *(f"+ {name}" for name in others)]


def test_the_keys_in_the_store_are_those_of_the_original(calm):
    primary = calm.wait_for_leader()
    wait_until("the first status of this leadership", lambda: calm.etcd.get(calm.key("status")), 5)
    keys = {key.removeprefix(calm.key("")): value for key, value in calm.etcd.keys(calm.key("")).items()}
    assert keys["leader"] == primary.name
    assert keys["initialize"] == primary.system_identifier()
    assert json.loads(keys["config"])["ttl"] == calm.dcs["ttl"]
    assert json.loads(keys["status"])["optime"] > 0
    member = json.loads(keys[f"members/{primary.name}"])
    assert member["role"] == "primary" and member["state"] == "running"
    assert member["conn_url"] == f"postgres://{primary.host}:{primary.port}/postgres"
    assert member["api_url"] == f"{primary.url}/patroni"
    assert tuple(map(int, member["version"].split("."))) >= (4, 1, 0)


def test_the_address_of_a_proxy_is_published_beside_the_own(new_cluster):
    """What stands between clients and PostgreSQL, such as a pooler, is told to those who ask for the primary's address."""
    cluster = new_cluster(members=("m1",)).start_store()
    member = cluster["m1"]
    member.write_configuration(postgresql={"proxy_address": "198.51.100.7:6432"})
    member.start()
    cluster.wait_for_leader(40)

    def published():
        return json.loads(cluster.etcd.get(cluster.key("members/m1"), absent="{}"))

    wait_until("the proxy's address", lambda: published().get("proxy_url") == "postgres://198.51.100.7:6432/postgres", 10)
    assert published()["conn_url"] == f"postgres://{member.host}:{member.port}/postgres"
    member.configuration["postgresql"]["proxy_address"] = "198.51.100.8:6432"
    member.reload()
    wait_until("the new address", lambda: published().get("proxy_url") == "postgres://198.51.100.8:6432/postgres", 15)
    del member.configuration["postgresql"]["proxy_address"]
    member.reload()
    wait_until("no address any more", lambda: "proxy_url" not in published() and "conn_url" in published(), 15)
