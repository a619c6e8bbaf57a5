"""Generated configurations: a sample that validates, and the description of a PostgreSQL that runs."""
import os
import subprocess

import pytest
import yaml

from harness.ports import free_port
from harness.processes import (POSTGRES_BIN, account, end, kill_all_of, reachable_binaries, spawn, temporary_directory,
                               wait_until)


UNKNOWN = "#FIX" "ME"  # where only the user knows the value


@pytest.fixture
def directory():
    path = temporary_directory()
    yield path
    subprocess.run(["rm", "-rf", path], check=False)


def tanist(directory, *arguments, env=None):
    """As the account that PostgreSQL runs as: its files are read."""
    who = account()
    drop = {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []} if who else {}
    environment = {"PATH": f"{POSTGRES_BIN}:{os.environ['PATH']}", "HOME": str(directory), **(env or {})}
    return subprocess.run([reachable_binaries(directory) / "tanist", *map(str, arguments)], capture_output=True, text=True,
                          timeout=30, env=environment, cwd=directory, stdin=subprocess.DEVNULL, start_new_session=True,
                          **drop)


@pytest.fixture
def server(directory):
    """A lone PostgreSQL with a password for its superuser; returns its port."""
    data, port = directory / "data", free_port()
    password = directory / "password"
    password.write_text("su-secret\n")
    password.chmod(0o644)
    made = spawn([POSTGRES_BIN / "initdb", "-D", data, "-U", "postgres", "--pwfile", password, "-A", "scram-sha-256", "-N"],
                 directory / "initdb.log")
    assert made.wait(60) == 0, (directory / "initdb.log").read_text()
    with open(data / "postgresql.conf", "a") as conf:
        conf.write(f"port = {port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = '{directory}'\n"
                   "max_connections = 57\ncluster_name = 'shop'\narchive_mode = on\narchive_command = 'true'\n"
                   "fsync = off\nwork_mem = '7MB'\n")
    process = spawn([POSTGRES_BIN / "postgres", "-D", data], directory / "postgres.log")
    wait_until("PostgreSQL to accept connections", lambda: subprocess.run(
        [POSTGRES_BIN / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)], check=False).returncode == 0, 30)
    yield port
    end(process)
    kill_all_of(data)


def filled(text, directory):
    """The configuration with what only a user knows, in a file."""
    file = directory / "filled.yml"
    lines = text.splitlines(keepends=True)
    known = [line.replace(f"'{UNKNOWN}'", "fresh" if line.startswith(("scope:", "name:")) else str(directory / "fresh"))
             for line in lines]
    file.write_text("".join(known))
    file.chmod(0o644)
    return file


def test_a_sample_validates_once_it_is_filled_in(directory):
    done = tanist(directory, "--generate-sample-config")
    assert (done.returncode, done.stderr) == (0, "")
    assert not done.stdout.endswith("\n")
    sample = yaml.safe_load(done.stdout)
    assert list(sample)[:3] == ["scope", "name", "log"]
    assert sample["scope"] == UNKNOWN
    assert sample["bootstrap"]["dcs"]["postgresql"]["parameters"]["max_connections"] == 100
    assert sample["postgresql"]["pg_hba"][1] == "host replication replicator all scram-sha-256"
    checked = tanist(directory, "--validate-config", "--offline", filled(done.stdout, directory))
    assert (checked.returncode, checked.stderr) == (0, "")


def test_a_sample_takes_over_the_environment_and_writes_a_file(directory):
    target = directory / "new/dir/tanist.yml"
    done = tanist(directory, "--generate-s", target, env={"PATRONI_SCOPE": "shop", "PATRONI_ETCD3_HOSTS": "a:1,b:2"})
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert target.stat().st_mode & 0o777 == 0o600
    sample = yaml.safe_load(target.read_text())
    assert sample["scope"] == "shop" and sample["etcd3"]["hosts"] == ["a:1", "b:2"]


def test_without_programs_there_is_no_sample(directory):
    done = tanist(directory, "--generate-sample-config", env={"PATRONI_POSTGRESQL_BIN_DIR": "/nowhere"})
    assert done.returncode == 1
    assert done.stderr.startswith("Failed to get postgres version: ")


def test_a_running_postgresql_is_described(directory, server):
    dsn = f"host=127.0.0.1 port={server} user=postgres password=su-secret dbname=postgres"
    done = tanist(directory, "--generate-config", "--dsn", dsn)
    assert (done.returncode, done.stderr) == (0, "")
    found = yaml.safe_load(done.stdout)
    pg, dynamic = found["postgresql"], found["bootstrap"]["dcs"]["postgresql"]["parameters"]
    assert found["scope"] == "shop"
    assert pg["data_dir"] == str(directory / "data")
    assert pg["listen"] == f"127.0.0.1:{server}"
    assert pg["connect_address"].endswith(f":{server}")
    assert os.path.realpath(pg["bin_dir"]) == os.path.realpath(POSTGRES_BIN)
    assert pg["authentication"]["superuser"] == {"username": "postgres", "password": "su-secret"}
    assert pg["authentication"]["replication"] == {"username": UNKNOWN, "password": UNKNOWN}
    assert set(pg["parameters"]) == {"archive_command", "hba_file", "ident_file", "config_file"}
    assert dynamic["max_connections"] == 57 and dynamic["work_mem"] == "7MB" and dynamic["archive_mode"] == "on"
    assert not {"port", "listen_addresses", "cluster_name", "data_directory"} & set(dynamic)
    assert any(line.split()[:3] == ["local", "all", "all"] for line in pg["pg_hba"])
    assert "pg_ident" not in pg

    # Everything at once: the environment of libpq, users from the daemon's variables, a URI, a file.
    again = tanist(directory, "--generate-config", directory / "found.yml",
                   env={"PGHOST": "127.0.0.1", "PGPORT": str(server), "PGUSER": "postgres", "PATRONI_SUPERUSER_PASSWORD":
                        "su-secret", "PATRONI_REPLICATION_USERNAME": "standby", "PATRONI_ETCD3_HOSTS": "a:1"})
    assert (again.returncode, again.stderr) == (0, "")
    found = yaml.safe_load((directory / "found.yml").read_text())
    assert found["postgresql"]["authentication"]["replication"]["username"] == "standby"
    assert found["etcd3"]["hosts"] == ["a:1"]
    checked = tanist(directory, "--validate-config", "--offline", filled((directory / "found.yml").read_text(), directory))
    assert checked.returncode == 0, checked.stderr
    # The daemon asks for more WAL than this server keeps, which is told; and that it was set up to be quick, not safe.
    kept = "wal_keep_size" in found["bootstrap"]["dcs"]["postgresql"]["parameters"]
    expected = ["WARNING: postgresql parameter wal_keep_size=0 failed validation, defaulting to 128MB"] if kept else []
    *told, fsync = checked.stderr.splitlines()
    assert told == expected
    assert "parameters.fsync off didn't pass validation: is off: a crash of the host loses the database" in fsync

    wrong = tanist(directory, "--generate-config", "--dsn", f"postgresql://postgres:hush@127.0.0.1:{server}/postgres")
    assert wrong.returncode == 1
    assert wrong.stderr.startswith("Failed to establish PostgreSQL connection: ") and "hush" not in wrong.stderr
    query = [POSTGRES_BIN / "psql", dsn, "-c", "CREATE ROLE plain LOGIN PASSWORD 'p'"]
    subprocess.run(query, check=True, capture_output=True)
    plain = tanist(directory, "--generate-config", "--dsn", f"host=127.0.0.1 port={server} user=plain password=p dbname=postgres")
    assert (plain.returncode, plain.stderr) == (1, "The provided user does not have superuser privilege\n")


def test_a_connection_string_must_be_one(directory):
    done = tanist(directory, "--generate-config", "--dsn", "host='")
    assert (done.returncode, done.stderr) == (1, "Failed to parse DSN string\n")
