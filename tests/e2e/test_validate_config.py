"""--validate-config finds what a start would trip over, says it in lines that scripts read, and touches nothing."""
import json
import os
import socket
import subprocess

import pytest
import yaml

from harness.ports import free_port
from harness.processes import POSTGRES_BIN, binaries


@pytest.fixture
def store():
    """Something that accepts connections."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def good(tmp_path, store):
    """A configuration without a fault; connect addresses are never connected to."""
    return {
        "scope": "shop", "name": "m1",
        "restapi": {"listen": f"127.0.0.1:{free_port()}", "connect_address": "10.255.0.1:8008"},
        "etcd3": {"hosts": [store]},
        "bootstrap": {"dcs": {"ttl": 30, "postgresql": {"use_pg_rewind": True}}, "initdb": [{"encoding": "UTF8"}]},
        "postgresql": {
            "listen": f"127.0.0.1:{free_port()}", "connect_address": "10.255.0.1:5432", "data_dir": str(tmp_path / "data"),
            "bin_dir": str(POSTGRES_BIN), "pgpass": str(tmp_path / "pgpass"),
            "authentication": {"superuser": {"username": "postgres", "password": "hush-1"},
                               "replication": {"username": "repl", "password": "hush-2"}},
            "pg_hba": ["local all all trust"],
        },
    }


def tanist(*arguments, env=None):
    environment = {"PATH": os.environ["PATH"], **(env or {})}
    return subprocess.run([binaries() / "tanist", *map(str, arguments)], capture_output=True, text=True, timeout=30,
                          env=environment)


@pytest.fixture
def validate(tmp_path):
    def run(configuration, *options, **more):
        file = tmp_path / "tanist.yml"
        file.write_text(configuration if isinstance(configuration, str) else yaml.safe_dump(configuration))
        return tanist("--validate-config", *options, file, **more)
    return run


def test_a_good_configuration_prints_nothing(validate, good, tmp_path):
    done = validate(good)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not (tmp_path / "data").exists() and not (tmp_path / "pgpass").exists()


def test_all_errors_are_told_in_order_and_exit_1(validate, good):
    good["name"] = 5
    good["bootstrap"]["dcs"]["ttl"] = 3
    good["tags"] = {"failover_priority": "abc"}
    del good["postgresql"]["connect_address"]
    done = validate(good)
    assert done.returncode == 1
    starts = ["name 5 is not a string", "bootstrap.dcs.ttl 3 didn't pass validation: Wrong value",
              "postgresql.connect_address  is not defined.", "tags.failover_priority abc is not an integer"]
    lines = done.stderr.splitlines()
    assert [line.partition(" (")[0] for line in lines] == starts, done.stderr
    assert "tanist.yml line" in lines[1] and "at least 20" in lines[1]


def test_a_port_in_use_is_an_error_unless_it_is_ignored(validate, good):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        good["restapi"]["listen"] = f"127.0.0.1:{port}"
        done = validate(good)
        assert done.returncode == 1
        assert done.stderr.startswith(
            f"restapi.listen 127.0.0.1:{port} didn't pass validation: Port {port} is already in use.")
        for option in ("-i", "--ignore-listen-port", "--ignore", "--offline"):
            assert validate(good, option).returncode == 0, option


def test_a_store_that_does_not_answer_is_an_error(validate, good):
    endpoint = f"127.0.0.1:{free_port()}"
    good["etcd3"]["hosts"] = [endpoint]
    done = validate(good)
    assert done.returncode == 1
    assert done.stderr.startswith(f"etcd3.hosts.0 {endpoint} didn't pass validation: {endpoint} is not reachable")
    assert validate(good, "--offline").returncode == 0


def test_the_version_of_the_data_directory_is_compared_with_the_programs(validate, good, tmp_path):
    (tmp_path / "data/pg_wal").mkdir(parents=True)
    (tmp_path / "data").chmod(0o700)
    (tmp_path / "data/PG_VERSION").write_text("9.6\n")
    (tmp_path / "data/pg_xlog").mkdir()
    done = validate(good)
    assert done.returncode == 1
    assert "postgresql version (9.6) doesn't match with 'postgres --version' output (" in done.stderr


def certificate(directory, name):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                    directory / f"{name}.key", "-out", directory / f"{name}.pem", "-days", "2", "-subj", f"/CN={name}"],
                   check=True, capture_output=True)
    return str(directory / f"{name}.pem"), str(directory / f"{name}.key")


def test_a_key_that_belongs_to_another_certificate_is_found(validate, good, tmp_path):
    mine, key = certificate(tmp_path, "mine")
    _, other = certificate(tmp_path, "other")
    good["restapi"].update(certfile=mine, keyfile=key, cafile=mine)
    assert validate(good).returncode == 0
    good["restapi"]["keyfile"] = other
    done = validate(good)
    assert done.returncode == 1
    assert done.stderr.startswith(f"restapi.certfile {mine} didn't pass validation: ")
    assert other in done.stderr


def test_a_certificate_that_ends_is_told(validate, good, tmp_path):
    mine, key = certificate(tmp_path, "mine")
    good["ctl"] = {"certfile": mine, "keyfile": key}
    done = validate(good)
    assert done.returncode == 0
    assert done.stderr.startswith(f"WARNING: ctl.certfile {mine} didn't pass validation: the certificate expires at ")
    (tmp_path / "ca.cnf").write_text("[ca]\ndefault_ca = d\n[d]\nnew_certs_dir = .\ndatabase = index.txt\nserial = serial\n"
                                     "default_md = sha256\npolicy = p\n[p]\ncommonName = supplied\n")
    (tmp_path / "index.txt").write_text("")
    (tmp_path / "serial").write_text("01\n")
    for command in (["req", "-new", "-key", key, "-subj", "/CN=mine", "-out", "mine.csr"],
                    ["ca", "-batch", "-config", "ca.cnf", "-selfsign", "-keyfile", key, "-in", "mine.csr", "-out", mine, "-notext",
                     "-startdate", "20200101000000Z", "-enddate", "20200102030405Z"]):
        subprocess.run(["openssl", *command], check=True, capture_output=True, cwd=tmp_path)
    done = validate(good)
    assert done.returncode == 1
    assert done.stderr.startswith(f"ctl.certfile {mine} didn't pass validation: the certificate expired at 2020-01-02")


def test_an_unknown_key_is_a_warning_with_a_suggestion(validate, good):
    good["postgresql"]["datadir"] = "/x"
    done = validate(good)
    assert (done.returncode, done.stdout) == (0, "")
    assert "postgresql.datadir: unknown key, ignored" in done.stderr
    assert "did you mean postgresql.data_dir?" in done.stderr


def test_print_shows_what_is_in_force_without_passwords(validate, good):
    done = validate(good, "--print", env={"PATRONI_SCOPE": "other", "PATRONI_REPLICATION_PASSWORD": "hush-3"})
    assert done.returncode == 0, done.stderr
    assert "hush" not in done.stdout
    shown = yaml.safe_load(done.stdout)
    assert shown["scope"] == "other"
    assert shown["postgresql"]["data_dir"] == good["postgresql"]["data_dir"]
    assert list(shown) == sorted(shown)
    shown = yaml.safe_load(validate(good, "-p", "--show-secrets", env={"PATRONI_REPLICATION_PASSWORD": "hush-3"}).stdout)
    assert shown["postgresql"]["authentication"]["replication"]["password"] == "hush-3"


def test_json_for_programs(validate, good):
    good["log"] = {"level": "loud"}
    done = validate(good, "--json")
    answer = json.loads(done.stdout)
    assert done.returncode == 1 and answer["valid"] is False
    assert answer["errors"][0]["path"] == "log.level" and "tanist.yml line" in answer["errors"][0]["where"]


def test_the_environment_alone_can_be_validated(good):
    done = tanist("--validate-config", env={"PATRONI_CONFIGURATION": yaml.safe_dump(good)})
    assert (done.returncode, done.stderr) == (0, "")
    done = tanist("--validate-config")
    assert done.returncode == 1
    assert [line.split()[0] for line in done.stderr.splitlines()] == [
        "name", "scope", "restapi", "consul", "etcd", "etcd3", "exhibitor", "kubernetes", "raft", "zookeeper", "postgresql"]


@pytest.mark.parametrize("arguments", [
    ["--no-such-option"], ["--gen"], ["--validate-config", "--generate-config"],
    ["--generate-sample-config", "--generate-config"], ["a", "b"], ["--dsn"],
], ids=" ".join)
def test_usage_errors_exit_2(arguments):
    done = tanist(*arguments)
    assert done.returncode == 2, (done.stdout, done.stderr)
    assert done.stderr.startswith("usage: tanist ") and "tanist: error: " in done.stderr
    assert done.stdout == ""


def test_options_may_be_abbreviated_and_useless_ones_are_ignored(good, tmp_path):
    file = tmp_path / "tanist.yml"
    file.write_text(yaml.safe_dump(good))
    assert tanist("--val", file).returncode == 0
    assert "scope: shop" in tanist("--valid", "--pri", file).stdout
    assert tanist("--vers").stdout.startswith("tanist ")
    assert tanist("-i", "-p", "--dsn", "x", tmp_path / "none.yml").returncode == 1  # runs the daemon, whose file is missing
