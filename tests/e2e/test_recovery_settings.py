"""A standby runs with the recovery settings that are wanted, whoever changed them, and keeps up with a grown primary."""
import json

import pytest

from harness.cluster import Cluster
from harness.processes import wait_until

pytestmark = pytest.mark.xdist_group("recovery settings")  # one cluster, one worker


@pytest.fixture(scope="module")
def pair():
    """A primary and its standby, for both tests of this file."""
    cluster = Cluster(members=("m1", "m2"), dcs={"ttl": 20, "loop_wait": 1, "retry_timeout": 3},
                      overrides={"postgresql": {"parameters": {"wal_retrieve_retry_interval": "500ms"}}})
    try:
        yield cluster.start()
    finally:
        cluster.close()


def dynamic(cluster, change):
    key = cluster.key("config")
    config = json.loads(cluster.etcd.get(key))
    change(config)
    cluster.etcd.put(key, json.dumps(config))


def test_recovery_settings_are_reloaded_and_repaired(pair):
    primary, replica = pair.wait_for_leader(), pair.replicas()[0]
    started = replica.postmaster()

    dynamic(pair, lambda config: config["postgresql"].update(recovery_conf={
        "restore_command": "false", "recovery_target_time": "2001-01-01", "recovery_min_apply_delay": "soon"}))
    wait_until("restore_command", lambda: replica.value("SHOW restore_command") == "false", 10)
    assert replica.value("SHOW recovery_target_time") == ""
    replica.wait_for_log("Removing integer parameter=recovery_min_apply_delay from the config due to the invalid", 1)

    # ALTER SYSTEM would win over the file: it goes.
    replica.query("ALTER SYSTEM SET primary_conninfo = 'host=127.0.0.1 port=1 user=nobody'")
    replica.query("SELECT pg_reload_conf()")
    wait_until("the way back", lambda: f"port={primary.port}" in replica.value("SHOW primary_conninfo"), 10)
    assert "primary_conninfo" not in (replica.data / "postgresql.auto.conf").read_text()
    pair.wait_for_streaming()

    # A password file that somebody else has written over is written again.
    passwords = replica.directory / "pgpass"
    good = passwords.read_text()
    assert passwords.stat().st_mode & 0o777 == 0o600
    passwords.write_text("127.0.0.1:1:*:nobody:nothing\n")
    wait_until("the password file", lambda: passwords.read_text() == good, 10)
    if replica.value("SHOW server_version_num") >= "140000":
        assert replica.postmaster() == started, "nothing of this needs a restart"


def test_a_standby_whose_replay_waits_for_larger_settings_gets_them(pair):
    primary, replica = pair.wait_for_leader(), pair.replicas()[0]
    started = replica.postmaster()
    dynamic(pair, lambda config: config["postgresql"].setdefault("parameters", {}).update(max_connections=130))
    wait_until("the restart that is due", lambda: primary.rest("/patroni")[1].get("pending_restart"), 10)

    # In the wrong order: the primary first.
    primary.kill_postmaster()
    pair.wait_for_leader()
    assert primary.value("SHOW max_connections") == "130"
    wait_until("the standby to restart", lambda: replica.postmaster() not in (None, started), 20)
    wait_until("larger settings", lambda: replica.status("/replica") == 200 and
               replica.value("SHOW max_connections") == "130", 20)
    if replica.value("SHOW server_version_num") >= "140000":  # older ones stop by themselves
        assert "WAL replay is paused because the primary has larger settings" in replica.log()
    pair.wait_for_streaming()
