"""Parameters: what is invalid is left out and told, what needs a restart is published with its reason, whoever changed it."""
import json
import sys
from pathlib import Path

from harness.parameter_table import differences
from harness.ports import free_port
from harness.processes import wait_until

QUICK = {"ttl": 20, "loop_wait": 1, "retry_timeout": 3}


def change_dynamic(cluster, **parameters):
    """Writes parameters into the dynamic configuration, as any tool would; None removes one."""
    key = cluster.key("config")
    config = json.loads(cluster.etcd.get(key))
    merged = {**config["postgresql"].get("parameters", {}), **parameters}
    config["postgresql"]["parameters"] = {k: v for k, v in merged.items() if v is not None}
    cluster.etcd.put(key, json.dumps(config))


def pending(cluster, member):
    """What member key and REST say of a restart that is due; both must agree."""
    key = json.loads(cluster.etcd.get(cluster.key(f"members/{member.name}"), absent="{}"))
    _, document = member.rest("/patroni")
    if not isinstance(document, dict):
        return None
    told = document.get("pending_restart_reason", {})
    if key.get("pending_restart_reason", {}) != told:
        return None
    assert document.get("pending_restart", False) == key.get("pending_restart", False) == bool(told)
    return told


def wait_for_pending(cluster, member, wanted):
    wait_until(f"pending restart {wanted}", lambda: pending(cluster, member) == wanted, 10)


def test_from_invalid_to_pending_to_running(new_cluster):
    cluster = new_cluster(members=("m1",), overrides={"postgresql": {"parameters": {
        "no_such_parameter": 1, "work_mem": "lots", "wal_level": "minimal", "temp_buffers": "8kB",
        "app.custom": "one", "autovacuum": "maybe", "log_min_messages": "nobody"}}}, dcs=QUICK).start()
    member = cluster["m1"]

    # Started all the same, without what PostgreSQL would have refused.
    log = member.log()
    for line in ("Removing unexpected parameter=no_such_parameter value=1 from the config",
                 "Removing integer parameter=work_mem from the config due to the invalid value=lots",
                 "Removing bool parameter=autovacuum from the config due to the invalid value=maybe",
                 "Removing enum parameter=log_min_messages from the config due to the invalid value=nobody",
                 "parameter=temp_buffers value=8kB is below what PostgreSQL accepts, 800kB is used instead"):
        assert line in log, line
    assert member.value("SHOW wal_level") == "replica"  # a controlled one: not for the local file
    assert member.value("SHOW temp_buffers") == "800kB"
    assert member.value("SHOW app.custom") == "one"
    assert differences(member) == []

    # What can be reloaded is, what cannot is published; set back, it is gone.
    change_dynamic(cluster, max_connections=120, work_mem="5MB", max_locks_per_transaction=5)
    wait_for_pending(cluster, member, {"max_connections": {"old_value": "100", "new_value": "120"}})
    member.wait_for_log(r"Changed max_connections from '100' to '120' \(restart might be required\)", 1)
    member.wait_for_log("postgresql parameter max_locks_per_transaction=5 failed validation, defaulting to 64", 1)
    change_dynamic(cluster, max_connections=None)
    wait_for_pending(cluster, member, {})

    # Past the configuration, too.
    member.query("ALTER SYSTEM SET shared_buffers = '24MB'")
    member.query("SELECT pg_reload_conf()")
    wait_for_pending(cluster, member, {"shared_buffers": {"old_value": "16MB", "new_value": "24MB"}})
    member.wait_for_log("Changed shared_buffers from '16MB' to '24MB'.*not by the configuration", 1)

    # A restart, for whatever reason, ends it.
    member.kill_postmaster()
    cluster.wait_for_leader()
    wait_for_pending(cluster, member, {})
    assert member.value("SHOW shared_buffers") == "24MB"


def test_a_change_in_the_file_is_reloaded_and_nothing_else_is_touched(new_cluster):
    cluster = new_cluster(members=("m1",), dcs=QUICK).start()
    member = cluster["m1"]
    at = len(member.log())
    member.write_configuration(postgresql={"parameters": {"work_mem": "6MB", "app.flag": "on"}})
    member.reload()
    wait_until("the new value", lambda: member.value("SHOW work_mem") == "6MB", 10)
    member.wait_for_log(r"Changed work_mem from '4MB' to '6MB'$", 2, after=at)
    member.wait_for_log(r"Changed app.flag from '' to 'on'$", 2, after=at)
    member.wait_for_log("Reloading PostgreSQL configuration.", 2, after=at)
    assert "Changed" not in member.log()[at:].replace("Changed work_mem", "").replace("Changed app.flag", "")
    started = member.postmaster()

    # Another address waits for a restart: until then others are told the one that works.
    def conn_url():
        return json.loads(cluster.etcd.get(cluster.key("members/m1")))["conn_url"]
    url, port = conn_url(), member.port
    member.write_configuration(postgresql={"listen": f"127.0.0.1:{free_port()}", "connect_address": "127.0.0.1:1"})
    member.reload()
    wait_until("the port to wait", lambda: "port" in (pending(cluster, member) or {}), 10)
    assert conn_url() == url and url.endswith(f":{port}/postgres") and member.status("/primary") == 200
    member.write_configuration(postgresql={"listen": f"127.0.0.1:{port}", "connect_address": f"127.0.0.1:{port}"})
    member.reload()
    wait_for_pending(cluster, member, {})

    # A daemon that comes back to the running server says what the file has brought meanwhile.
    member.kill()
    member.write_configuration(postgresql={"parameters": {"work_mem": "9MB"}})
    at = len(member.log())
    member.start()
    member.wait_for_log(r"Changed work_mem from '6MB' to '9MB'$", 15, after=at)
    wait_until("the value of the new file", lambda: member.value("SHOW work_mem") == "9MB", 10)
    assert member.postmaster() == started


def test_the_table_takes_over_what_a_new_version_says(tmp_path):
    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts/lib"))
    import parameters

    file = tmp_path / "table.inc"
    file.write_text('// kept\nR"table(\nb 9.6- int 0..10 ms\nc - bool\nd 15-,14.5-15 bool\ne -14 enum x|\nf 17- bool\n)table"\n')
    table = parameters.Table(file)
    row = parameters.Row
    said = {"a": row("a", "-", "string", ""), "b": row("b", "-", "int", "0..20 ms"), "d": row("d", "-", "bool", ""),
            "f": row("f", "-", "bool", "")}
    assert list(parameters.compare(table, 170003, said)) == [
        "b: takes 0..20, not 0..10", "c: is in the table, but the server does not have it"]
    assert parameters.unlisted(table, 170003, said) == ["a"]
    parameters.merge(table, 170003, said)
    table.write()
    assert file.read_text() == ('// kept\nR"table(\na 17.3-18 string\nb 9.6-17 int 0..10 ms\nb 17- int 0..20 ms\nc -17 bool\n'
                                'd 15-,14.5-15 bool\ne -14 enum x|\nf 17- bool\n)table"\n')
    again = parameters.Table(file)
    assert list(parameters.compare(again, 170003, said)) == []
    assert parameters.unlisted(again, 170003, said) == []
    del said["f"], said["d"]
    parameters.merge(again, 170003, said)
    assert [str(r) for r in again.rows if r.name in "df"] == ["d 15-17,14.5-15 bool"]
