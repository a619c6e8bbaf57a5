"""A wrong configuration is named with key and line, before anything is touched."""
import json
import os
import subprocess
import time

import pytest

from harness.processes import POSTGRES_BIN, binaries
from harness.rest import call

GOOD = """scope: shop
name: m1
restapi: {listen: "127.0.0.1:1"}
etcd3: {host: "127.0.0.1:1"}
postgresql:
  listen: 127.0.0.1:2
  data_dir: /tmp/never-made
  authentication:
    superuser: {username: postgres, password: a}
    replication: {username: repl, password: b}
"""


def run(tmp_path, text, *options):
    file = tmp_path / "tanist.yml"
    file.write_text(text)
    return subprocess.run([binaries() / "tanist", *options, str(file)], capture_output=True, text=True, timeout=10)


@pytest.mark.parametrize("text, words", [
    (GOOD + "bootstrap:\n  dcs:\n    ttl: soon\n", ["ttl", "soon"]),
    (GOOD.replace("listen: 127.0.0.1:2", "listen: [1, 2"), ["tanist.yml"]),
    (GOOD.replace("scope: shop\n", ""), ["scope"]),
    (GOOD.replace("name: m1\n", ""), ["name"]),
    (GOOD.replace('listen: "127.0.0.1:1"', 'listen: "nowhere"'), ["restapi", "listen", "nowhere"]),
    (GOOD.replace("  data_dir: /tmp/never-made\n", ""), ["data_dir"]),
    (GOOD.replace("etcd3:", "nothing:"), ["etcd3"]),
], ids=["wrong-type", "broken-yaml", "no-scope", "no-name", "bad-listen", "no-data-dir", "no-store"])
def test_an_error_names_what_is_wrong_and_exits_1(tmp_path, text, words):
    done = run(tmp_path, text)
    told = done.stdout + done.stderr
    assert done.returncode == 1, told
    for word in words:
        assert word in told


def test_a_missing_file_is_named(tmp_path):
    done = subprocess.run([binaries() / "tanist", str(tmp_path / "none.yml")], capture_output=True, text=True, timeout=10)
    assert done.returncode == 1
    assert "none.yml" in done.stdout + done.stderr


def test_a_missing_file_is_not_replaced_by_the_environment_unless_that_is_asked_for(tmp_path):
    def start(**variables):
        return subprocess.run([binaries() / "tanist", str(tmp_path / "none.yml")], capture_output=True, text=True, timeout=10,
                              env={"PATRONI_CONFIGURATION": GOOD.replace("name: m1", "name: [m1]"), **variables})

    done = start()
    assert done.returncode == 1
    assert "none.yml" in done.stderr and "TANIST_MISSING_CONFIG=environment" in done.stderr
    done = start(TANIST_MISSING_CONFIG="environment")
    assert done.returncode == 1
    assert "PATRONI_CONFIGURATION:2: name" in done.stdout + done.stderr


def test_tanist_variables_win_over_patroni_ones_and_both_over_the_file(tmp_path):
    file = tmp_path / "tanist.yml"
    file.write_text(GOOD.replace("/tmp/never-made", str(tmp_path / "data")).replace(
        'listen: "127.0.0.1:1"', 'listen: "127.0.0.1:1", connect_address: "10.255.0.1:1"')
        + f"  connect_address: 10.255.0.1:2\n  bin_dir: {POSTGRES_BIN}\nlog: {{level: ERROR}}\n")

    def validate(**variables):
        done = subprocess.run([binaries() / "tanist", "--validate-config", "--offline", "--json", "--print", str(file)],
                              capture_output=True, text=True, timeout=10, env={"PATH": os.environ["PATH"], **variables})
        return json.loads(done.stdout)

    answer = validate()
    assert answer["valid"], answer["errors"]
    assert (answer["config"]["scope"], answer["config"]["name"], answer["config"]["log"]["level"]) == ("shop", "m1", "ERROR")
    config = validate(PATRONI_SCOPE="p", TANIST_SCOPE="t", PATRONI_NAME="n", TANIST_LOG_LEVEL="DEBUG",
                      PATRONI_NAMESPACE="apart", TANIST_NAMESPACE="")["config"]
    assert config["scope"] == "t", "TANIST_ over PATRONI_"
    assert config["name"] == "n", "PATRONI_ over the file"
    assert config["log"]["level"] == "DEBUG", "TANIST_ over the file"
    assert config["namespace"] == "apart", "an empty variable hides nothing"
    answer = validate(TANIST_LOG_LEVEL="loud")
    assert [e["where"] for e in answer["errors"] if e["path"] == "log.level"] == ["TANIST_LOG_LEVEL"]


def test_help_and_version_work_without_configuration():
    for program in ("tanist", "tanistctl"):
        for option in ("--help", "--version"):
            done = subprocess.run([binaries() / program, option], capture_output=True, text=True, timeout=10)
            if program == "tanistctl" and option == "--version":
                continue  # a command there, not an option
            assert done.returncode == 0, (program, option, done.stderr)
            assert done.stdout.strip()


def test_an_unknown_key_is_a_warning_with_its_line(new_cluster):
    cluster = new_cluster(members=("m1",), overrides={"postgresql": {"colour": "blue"}})
    member = cluster["m1"].start()
    match = member.wait_for_log(r"WARNING.*colour.*", 10)
    line = next(n for n, text in enumerate(member.config_file.read_text().splitlines(), 1) if "colour" in text)
    assert str(line) in match.group(0)
    member.terminate()
    member.wait(5)


def test_a_reload_leaves_alone_what_needs_a_restart_of_the_daemon(new_cluster):
    """Name, data directory and what is derived from it are those of the start, for as long as the daemon runs."""
    cluster = new_cluster(members=("m1",))
    cluster.start_store()
    member = cluster["m1"].start()
    cluster.wait_for_leader()
    postmaster, elsewhere = member.postmaster(), member.directory / "elsewhere"
    before = len(member.log())
    member.write_configuration(name="other", postgresql={"data_dir": str(elsewhere), "database": "template1"})
    member.reload()
    for key in ("name", "postgresql.data_dir", "postgresql.database"):
        member.wait_for_log(f"WARNING.*a change of {key} takes effect when the daemon is restarted", 10, after=before)
    # Two cycles of the leader: had it lost its name, it would have given up the lock in one.
    until = time.monotonic() + 2 * cluster.dcs["loop_wait"] + 0.5
    while time.monotonic() < until:
        assert member.status("/primary") == 200
        assert cluster.leader_key() == "m1"
        time.sleep(0.1)  # a gap is looked for, not measured
    assert member.postmaster() == postmaster
    assert not elsewhere.exists() and not elsewhere.with_name("elsewhere.tanist").exists()
    assert not cluster.etcd.get(cluster.key("members/other"))
    # The dynamic configuration cannot change such keys of a running daemon either.
    assert call(member, "PATCH", "/config", {"postgresql": {"bin_dir": "/nowhere", "config_base_name": "mine"}}).status == 200
    member.wait_for_log("WARNING.*a change of postgresql.config_base_name takes effect when the daemon is restarted", 10)
    assert not (member.data / "mine.conf").exists()
    assert member.status("/primary") == 200


def test_a_reload_before_the_rest_api_opens_counts_for_it(new_cluster):
    cluster = new_cluster(members=("m1",))
    member = cluster["m1"].start()
    member.wait_for_log("waiting on etcd|Can not get cluster from dcs", 10)
    member.write_configuration(restapi={"authentication": {"username": "admin", "password": "late"}}, log={"format": "anew: %(message)s"})
    member.reload()
    member.wait_for_log("^anew: waiting on etcd", 15)  # the next try to reach the store: the new log section is in force
    cluster.start_store()
    cluster.wait_for_leader()
    assert call(member, "POST", "/reload").status == 401
    assert call(member, "POST", "/reload", user=("admin", "late")).status in (200, 202)
