"""PostgreSQL behind TLS with client certificates: replication, rewind and the daemon's own sessions all use them."""
import os
import shutil

import pytest

from harness.checker import assert_all_is_well
from harness.member import REPLICATION, REPLICATION_PASSWORD, SUPERUSER, SUPERUSER_PASSWORD
from harness.processes import wait_until
from harness.rest import Certificates
from harness.writer import Writer


@pytest.fixture
def certified(new_cluster, monkeypatch):
    """Whoever comes over TCP needs TLS and a certificate, and so does this test."""
    cluster = new_cluster()
    tls = Certificates(cluster.directory / "tls")
    own = cluster.directory / "own"
    own.mkdir(mode=0o700)
    for name in ("ca.crt", "client.crt", "client.key"):
        shutil.copyfile(tls.path(name), own / name)
    (own / "client.key").chmod(0o600)  # libpq takes a key only from its user, which is not the members'
    for name, value in {"PGSSLMODE": "verify-ca", "PGSSLROOTCERT": own / "ca.crt", "PGSSLCERT": own / "client.crt",
                        "PGSSLKEY": own / "client.key"}.items():
        monkeypatch.setitem(os.environ, name, str(value))
    client = {"sslmode": "verify-ca", "sslrootcert": tls.path("ca.crt"), "sslcert": tls.path("client.crt"),
              "sslkey": tls.path("client.key")}
    superuser = {"username": SUPERUSER, "password": SUPERUSER_PASSWORD, **client}
    for member in cluster:
        member.write_configuration(postgresql={
            "authentication": {"superuser": superuser,
                               "replication": {"username": REPLICATION, "password": REPLICATION_PASSWORD, **client},
                               "rewind": {"username": "rewinder", "password": "rewind-secret", **client}},
            "parameters": {"ssl": "on", "ssl_ca_file": tls.path("ca.crt"), "ssl_cert_file": tls.path("server.crt"),
                           "ssl_key_file": tls.path("server.key")},
            "pg_hba": ["hostssl all all 0.0.0.0/0 scram-sha-256 clientcert=verify-ca",
                       "hostssl replication replicator 0.0.0.0/0 scram-sha-256 clientcert=verify-ca"]})
    return cluster.start()


def assert_all_over_tls(cluster):
    """Every session that came over TCP shows the client's certificate, the two replicas among them."""
    primary = cluster.wait_for_leader()
    sessions = primary.query("SELECT a.usename, a.backend_type, s.ssl, s.client_dn FROM pg_stat_activity a "
                             "JOIN pg_stat_ssl s USING (pid) WHERE a.client_addr IS NOT NULL")
    assert all(ssl and name == "/CN=client" for _, _, ssl, name in sessions), sessions
    assert sum(1 for user, kind, _, _ in sessions if (user, kind) == (REPLICATION, "walsender")) == 2, sessions
    for replica in cluster.replicas():
        used = replica.value("SELECT conninfo FROM pg_stat_wal_receiver")
        assert "sslmode=verify-ca" in used and "sslcert=" in used, used


@pytest.mark.needs_postgresql(12)  # clientcert=verify-ca
def test_a_cluster_with_client_certificates_replicates_and_fails_over(certified):
    cluster = certified
    assert_all_over_tls(cluster)
    primary = cluster.wait_for_leader()
    with Writer(cluster) as writer:
        wait_until("rows before the fault", lambda: len(writer.acks) > 20, 10)
        primary.kill_everything()
        new = cluster.wait_for_leader(cluster.dcs["ttl"] + 20, other_than=primary)
        wait_until("rows on the new primary", lambda: len(writer.on(new)) > 20, 10)
        primary.start()
        cluster.wait_for_streaming(60)
        assert cluster.wait_for_leader() is new
        assert_all_over_tls(cluster)
        assert_all_is_well(cluster, writer)


@pytest.mark.needs_postgresql(12)
def test_without_a_certificate_nobody_comes_in(certified, monkeypatch):
    """The other tests of this file would prove nothing otherwise."""
    primary = certified.wait_for_leader()
    for name in ("PGSSLCERT", "PGSSLKEY"):
        monkeypatch.setenv(name, "/nonexistent")
    with pytest.raises(Exception, match="certificate|no pg_hba.conf entry"):
        primary.query("SELECT 1")
    monkeypatch.setenv("PGSSLMODE", "disable")
    with pytest.raises(Exception, match="no pg_hba.conf entry"):
        primary.query("SELECT 1")
