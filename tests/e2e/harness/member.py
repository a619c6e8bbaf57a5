"""One member: its directory, configuration, daemon and PostgreSQL."""
import copy
import json
import re
import shutil
import signal
import subprocess
import urllib.error
import urllib.request

import psycopg
import yaml

from . import openapi
from .guardian import guardian_of
from .ports import free_port
from .processes import POSTGRES_BIN, account, alive, end, give, kill_all_of, send, spawn, wait_until

SUPERUSER, SUPERUSER_PASSWORD = "postgres", "super-secret"
REPLICATION, REPLICATION_PASSWORD = "replicator", "repl-secret"

# Quick to notice, yet nothing below the allowed minima (ttl 20, loop_wait 1, retry_timeout 3).
FAST = {"ttl": 20, "loop_wait": 2, "retry_timeout": 3}
DEFAULT = {"ttl": 30, "loop_wait": 10, "retry_timeout": 10}


def merge(base, overlay):
    """Maps merge, everything else is replaced; None removes a key."""
    result = copy.deepcopy(base)
    for key, value in overlay.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = merge(result[key], value)
        else:
            result[key] = copy.deepcopy(value)
    return result


class Member:
    def __init__(self, name, *, directory, scope, store, bin_dir, dcs=None, overrides=None, host="127.0.0.1",
                 namespace=None, postgres_bin=POSTGRES_BIN):
        self.postgres_bin = postgres_bin
        self.name, self.scope, self.host, self.namespace, self.bin_dir = name, scope, host, namespace, bin_dir
        self.directory = directory
        self.directory.mkdir(parents=True, exist_ok=True)
        give(self.directory)
        self.data = self.directory / "data"
        self.log_file = self.directory / "log"
        self.config_file = self.directory / "tanist.yml"
        self.port, self.rest_port = (5432, 8008) if namespace else (free_port(), free_port())
        self.process = None
        self.configuration = merge({
            "scope": scope,
            "name": name,
            "restapi": {"listen": f"{host}:{self.rest_port}", "connect_address": f"{host}:{self.rest_port}"},
            "etcd3": {"hosts": list(store)},
            "bootstrap": {
                "dcs": {**(dcs or FAST), "maximum_lag_on_failover": 1048576,
                        "postgresql": {"use_pg_rewind": True, "use_slots": True,
                                       "remove_data_directory_on_diverged_timelines": True}},
                # Before PostgreSQL 14 initdb stores passwords as md5 unless it hears of SCRAM, and servers do too.
                "initdb": [{"encoding": "UTF8"}, "data-checksums", {"auth-host": "scram-sha-256"}],
            },
            "postgresql": {
                "listen": f"{host}:{self.port}",
                "connect_address": f"{host}:{self.port}",
                "data_dir": str(self.data),
                "bin_dir": str(postgres_bin),
                "pgpass": str(self.directory / "pgpass"),
                "authentication": {"superuser": {"username": SUPERUSER, "password": SUPERUSER_PASSWORD},
                                   "replication": {"username": REPLICATION, "password": REPLICATION_PASSWORD}},
                "parameters": {"unix_socket_directories": str(self.directory), "shared_buffers": "16MB",
                               "password_encryption": "scram-sha-256",
                               "log_line_prefix": "%m [%p] %q%u@%d "},
                "pg_hba": ["local all all trust", "host all all 0.0.0.0/0 scram-sha-256",
                           "host replication replicator 0.0.0.0/0 scram-sha-256"],
                "remove_data_directory_on_rewind_failure": True,
                "remove_data_directory_on_diverged_timelines": True,
            },
        }, overrides or {})

    # ---- the daemon

    def write_configuration(self, **overrides):
        self.configuration = merge(self.configuration, overrides)
        self.config_file.write_text(yaml.safe_dump(self.configuration, sort_keys=False))
        self.config_file.chmod(0o600)
        give(self.config_file)

    def start(self, *, env=None, directory=None):
        """Starts the daemon, in its own or another working directory."""
        assert not self.running(), f"{self.name} is running already"
        self.write_configuration()
        self.process = spawn([self.bin_dir / "tanist", self.config_file], self.log_file, cwd=directory or self.directory,
                             namespace=self.namespace, env=env)
        return self

    @property
    def pid(self):
        return self.process.pid if self.process else None

    def running(self):
        return self.process is not None and self.process.poll() is None

    def terminate(self):
        """SIGTERM, without waiting."""
        send(self.process.pid, signal.SIGTERM)

    def stop(self, *, patience=30.0):
        """An orderly shutdown, PostgreSQL included; returns the exit code."""
        self.terminate()
        return self.wait(patience)

    def wait(self, patience):
        try:
            return self.process.wait(patience)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} (pid {self.pid}) does not end within {patience:g} s") from None

    def kill(self):
        """SIGKILL for the daemon alone."""
        send(self.process.pid, signal.SIGKILL)
        self.process.wait(10)

    def kill_everything(self):
        """As if the host had lost its power: daemon first, then PostgreSQL with all that belongs to it."""
        if self.process:
            self.kill()
        self.kill_guardian()
        self.kill_postgres()

    @property
    def state_dir(self):
        return self.directory / "data.tanist"

    def guardian(self):
        """The pid of its guardian, None if there is none."""
        return guardian_of(self.state_dir)

    def kill_guardian(self):
        pid = self.guardian()
        if pid:
            send(pid, signal.SIGKILL)
        return pid

    def reload(self):
        """Writes the configuration as it is now and says so by SIGHUP."""
        self.write_configuration()
        send(self.process.pid, signal.SIGHUP)

    # ---- PostgreSQL

    def postmaster(self):
        """The pid of the running postmaster, None if there is none."""
        try:
            pid = int((self.data / "postmaster.pid").read_text().split()[0])
        except (OSError, IndexError, ValueError):
            return None
        return pid if alive(pid) else None

    def kill_postmaster(self, number=signal.SIGKILL):
        """Signals the postmaster only: its children go on until they notice."""
        pid = self.postmaster()
        assert pid, f"{self.name} has no postmaster to signal"
        send(pid, number)
        return pid

    def kill_postgres(self):
        kill_all_of(self.data)

    def wipe(self):
        assert not self.postmaster(), f"PostgreSQL of {self.name} is running"
        shutil.rmtree(self.data)

    def connect(self, **options):
        settings = {"host": self.host, "port": self.port, "user": SUPERUSER, "password": SUPERUSER_PASSWORD,
                    "dbname": "postgres", "connect_timeout": 3, "autocommit": True, **options}
        return psycopg.connect(**settings)

    def query(self, sql, *parameters):
        """All rows of one statement, over a connection of its own."""
        with self.connect() as connection:
            cursor = connection.execute(sql, parameters or None)
            return cursor.fetchall() if cursor.description else []

    def value(self, sql, *parameters):
        return self.query(sql, *parameters)[0][0]

    def control(self, directory=None):
        """pg_controldata as a map, of the data directory or another one."""
        command = [self.postgres_bin / "pg_controldata", "-D", directory or self.data]
        text = subprocess.run(command, capture_output=True, text=True, check=True, env={"LC_ALL": "C"}).stdout
        return {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in text.splitlines())}

    def system_identifier(self, directory=None):
        return self.control(directory)["Database system identifier"]

    # ---- REST

    @property
    def url(self):
        return f"http://{self.host}:{self.rest_port}"

    def rest(self, path, *, timeout=2.0, method="GET"):
        """Status and body (parsed when it is JSON); status 0: no answer."""
        request = urllib.request.Request(self.url + path, method=method)
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                status, kind, body = answer.status, answer.headers["Content-Type"], answer.read()
        except urllib.error.HTTPError as error:
            status, kind, body = error.code, error.headers["Content-Type"], error.read()
        except OSError as error:
            return 0, str(error)
        openapi.check(method, path, status, kind, body.decode(errors="replace"))
        try:
            return status, json.loads(body)
        except ValueError:
            return status, body.decode(errors="replace")

    def status(self, path, **options):
        return self.rest(path, **options)[0]

    # ---- its log

    def log(self):
        try:
            return self.log_file.read_text(errors="replace")
        except FileNotFoundError:
            return ""

    def wait_for_log(self, pattern, timeout=15.0, *, after=0):
        """The first match of a regular expression in the log, from position `after` on."""
        return wait_until(f"{pattern!r} in the log of {self.name}",
                          lambda: re.search(pattern, self.log()[after:], re.MULTILINE), timeout)

    def tail(self, lines=60):
        return "\n".join(self.log().splitlines()[-lines:])

    # ---- the end

    def clean_up(self):
        """Ends daemon and PostgreSQL, whatever state they are in."""
        end(self.process)
        self.kill_guardian()
        for pid_file in [self.data / "postmaster.pid", *self.directory.glob("data*/postmaster.pid")]:
            kill_all_of(pid_file.parent)
        kill_all_of(self.data)
        kill_all_of(self.directory)


def tanistctl(member, *arguments, timeout=10):
    """Runs tanistctl with the member's configuration, as the unprivileged account."""
    who = account()
    drop = {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []} if who else {}
    return subprocess.run([member.bin_dir / "tanistctl", "-c", str(member.config_file), *arguments], timeout=timeout,
                          capture_output=True, text=True, cwd=member.directory, **drop)
