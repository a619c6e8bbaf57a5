"""A wrong configuration is named with key and line, before anything is touched."""
import json
import subprocess

import pytest

from harness.processes import binaries

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
    file.write_text(GOOD)
    done = subprocess.run([binaries() / "tanist", "--validate-config", "--offline", "--json", "--print", str(file)],
                          capture_output=True, text=True, timeout=10,
                          env={"PATRONI_SCOPE": "p", "TANIST_SCOPE": "t", "PATRONI_NAME": "n", "TANIST_LOG_LEVEL": "loud"})
    answer = json.loads(done.stdout)
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
