"""As PID 1 of a container the daemon is an init, too: it reaps orphans, hands on signals and ends as its child does."""
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest
import yaml

from harness.ports import free_port
from harness.processes import (account, end, give, reachable_binaries, send, temporary_directory, wait_until)

NAMESPACE = ["unshare", "--pid", "--fork", "--mount-proc"]


def missing():
    """Why PID namespaces cannot be had here; empty if they can."""
    if os.geteuid() != 0:
        return "a PID namespace needs root: run scripts/test as root, or with sudo"
    return subprocess.run([*NAMESPACE, "true"], capture_output=True, text=True).stderr.strip()


pytestmark = pytest.mark.skipif(bool(why := missing()), reason=why)


def run_as_pid1(binary, configuration, log):
    """Starts a namespace whose PID 1 is `tanist`; returns the process that ends with it, with its exit code."""
    who = account()
    with open(log, "ab") as output:
        return subprocess.Popen(
            [*NAMESPACE, "setpriv", f"--reuid={who.pw_uid}", f"--regid={who.pw_gid}", "--clear-groups", binary,
             configuration],
            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, cwd=Path(configuration).parent,
            env={"PATH": "/usr/bin:/bin:/sbin", "LANG": "C.UTF-8"})


class Container:
    """`tanist` as PID 1 of a PID namespace, as the unprivileged account; there is no store, so it waits for one."""

    def __init__(self):
        self.directory = temporary_directory()
        self.log_file = self.directory / "log"
        self.outer = None
        self.configuration = {
            "scope": "pid1", "name": "m1", "restapi": {"listen": f"127.0.0.1:{free_port()}"},
            "etcd3": {"hosts": [f"127.0.0.1:{free_port()}"]},
            "postgresql": {"listen": f"127.0.0.1:{free_port()}", "data_dir": str(self.directory / "data"),
                           "authentication": {"superuser": {"username": "postgres", "password": "a"},
                                              "replication": {"username": "repl", "password": "b"}}}}

    def start(self):
        file = self.directory / "tanist.yml"
        file.write_text(yaml.safe_dump(self.configuration))
        give(file)
        self.outer = run_as_pid1(reachable_binaries(self.directory) / "tanist", file, self.log_file)
        return self

    @property
    def log(self):
        return self.log_file.read_text(errors="replace")

    @staticmethod
    def child_of(pid):
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return int(children[0]) if children else None

    def init(self):
        """The pid of PID 1 of the namespace, as seen from here."""
        return wait_until("the namespace's PID 1", lambda: self.child_of(self.outer.pid), 5)

    def daemon(self):
        return wait_until("the daemon below PID 1", lambda: self.child_of(self.init()), 5)

    def wait_for_start(self):
        wait_until("the daemon to wait for the store", lambda: "waiting on etcd" in self.log, 15)
        return self

    def close(self):
        if self.outer and self.outer.poll() is None:
            send(self.init(), signal.SIGKILL)
            end(self.outer)
        subprocess.run(["rm", "-rf", str(self.directory)], check=True)


@pytest.fixture
def container():
    made = Container()
    yield made
    made.close()


def test_orphans_are_reaped_and_sigterm_ends_the_daemon_in_order(container):
    container.start().wait_for_start()
    init, daemon = container.init(), container.daemon()
    assert Path(f"/proc/{daemon}/comm").read_text() == "tanist\n"
    # A shell leaves a child behind, whose new parent is PID 1.
    subprocess.run(["nsenter", f"--target={init}", "--pid", "--mount", "sh", "-c", "(sleep 0.3; exit 7) & echo"], check=True,
                   stdout=subprocess.DEVNULL, timeout=10)
    reaped = wait_until("the orphan to be reaped",
                        lambda: re.search(r"INFO: Reaped pid=\d+, exit status=1792$", container.log, re.M), 10)
    assert reaped
    send(init, signal.SIGTERM)
    assert container.outer.wait(15) == 0
    assert f"Reaped pid={daemon}" not in container.log


def test_a_sighup_reaches_the_daemon(container):
    container.start().wait_for_start()
    send(container.init(), signal.SIGHUP)
    wait_until("the reload", lambda: "No local configuration items changed." in container.log, 10)


@pytest.mark.parametrize("how, code", [("wrong configuration", 1), ("killed", 137)])
def test_the_container_ends_with_the_code_of_the_daemon(container, how, code):
    if how == "wrong configuration":
        del container.configuration["scope"]
        container.start()
    else:
        container.start().wait_for_start()
        send(container.daemon(), signal.SIGKILL)
    assert container.outer.wait(10) == code


def test_postgresql_lives_and_ends_in_order_in_a_container(new_cluster):
    cluster = new_cluster(members=("m1",))
    cluster.start_store()
    member = cluster["m1"]
    member.write_configuration()
    member.process = run_as_pid1(member.bin_dir / "tanist", member.config_file, member.log_file)
    wait_until("a primary", lambda: member.status("/primary") == 200, 30)
    assert member.value("SELECT 1") == 1
    init = wait_until("PID 1", lambda: Container.child_of(member.process.pid), 5)
    send(init, signal.SIGTERM)
    assert member.process.wait(30) == 0
    assert member.control()["Database cluster state"] == "shut down"
