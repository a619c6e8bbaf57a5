"""What systemd is told: ready, reloading, stopping, the state, and that the cycle still decides. And its units."""
import shutil
import socket
import subprocess
import time

import pytest

from harness.processes import REPOSITORY, give, send, wait_until

UNITS = REPOSITORY / "packaging" / "systemd"


class Manager:
    """The other end of NOTIFY_SOCKET."""

    def __init__(self, directory):
        self.path = directory / "notify"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(self.path))
        self.socket.setblocking(False)
        give(self.path)
        self.messages = []

    def heard(self):
        while True:
            try:
                self.messages.append(self.socket.recv(4096).decode())
            except BlockingIOError:
                return self.messages

    def wait_for(self, text, timeout=15.0, *, after=0):
        return wait_until(f"{text!r} for the service manager",
                          lambda: next((m for m in self.heard()[after:] if m.startswith(text)), None), timeout)


def test_systemd_hears_the_whole_life_of_a_member(new_cluster):
    cluster = new_cluster(members=("m1",))
    cluster.start_store()
    member, manager = cluster["m1"], Manager(cluster.directory)
    member.start(env={"NOTIFY_SOCKET": str(manager.path), "WATCHDOG_USEC": "4000000"})
    manager.wait_for("READY=1")
    cluster.wait_for_leader(30)
    manager.wait_for("STATUS=primary, PostgreSQL running")
    manager.wait_for("WATCHDOG=1")

    environment = open(f"/proc/{member.postmaster()}/environ").read()
    assert "NOTIFY_SOCKET" not in environment and "WATCHDOG_USEC" not in environment

    before = len(manager.heard())
    asked = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    member.reload()
    reloading = manager.wait_for("RELOADING=1", after=before)
    told = dict(line.split("=") for line in reloading.splitlines())
    assert asked <= int(told["MONOTONIC_USEC"]) <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    after_reload = before + manager.messages[before:].index(reloading)
    manager.wait_for("READY=1", after=after_reload)

    before = len(manager.heard())
    assert member.stop() == 0
    said = manager.heard()[before:]
    assert said.count("STOPPING=1") == 1
    assert "READY=1" not in said[said.index("STOPPING=1"):]


def test_a_reload_while_the_store_is_awaited_does_not_say_ready(new_cluster):
    cluster = new_cluster(members=("m1",))
    member, manager = cluster["m1"], Manager(cluster.directory)
    member.start(env={"NOTIFY_SOCKET": str(manager.path)})
    member.wait_for_log("waiting on etcd|Can not get cluster from dcs", 10)
    member.write_configuration(log={"format": "anew: %(message)s"})
    member.reload()
    member.wait_for_log("^anew: waiting on etcd", 15)  # the next try to reach the store: the reload has ended
    assert not [m for m in manager.heard() if m.startswith(("READY", "RELOADING"))]
    cluster.start_store()
    manager.wait_for("READY=1")


def test_a_member_whose_cycle_stands_still_gives_no_sign_of_life(new_cluster):
    """SIGSTOP stands for a daemon that hangs; systemd ends it once WatchdogSec has passed."""
    cluster = new_cluster(members=("m1",))
    cluster.start_store()
    member, manager = cluster["m1"], Manager(cluster.directory)
    member.start(env={"NOTIFY_SOCKET": str(manager.path), "WATCHDOG_USEC": "1000000"})
    manager.wait_for("WATCHDOG=1")
    send(member.pid, 19)
    time.sleep(0.2)  # what was sent before the stop has arrived
    before = len(manager.heard())
    time.sleep(2.5)  # twice and more what a living daemon would let pass
    assert manager.heard()[before:] == []
    send(member.pid, 18)
    manager.wait_for("WATCHDOG=1", after=before)


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is missing: run scripts/setup")
def test_the_units_are_understood(tmp_path):
    for unit in ("tanist.service", "tanist@.service"):
        text = (UNITS / unit).read_text()
        assert "/usr/bin/tanist" in text
        # The program is not installed here; what counts is the rest.
        (tmp_path / unit.replace("@", "@main")).write_text(text.replace("/usr/bin/tanist", "/bin/true"))
        drop_in = tmp_path / (unit.replace("@", "@main") + ".d")
        drop_in.mkdir()
        shutil.copy(UNITS / "hardening.conf", drop_in)
    for unit in ("tanist.service", "tanist@main.service"):
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", tmp_path / unit], capture_output=True, text=True,
                              timeout=30)
        assert done.returncode == 0, done.stderr
        assert str(tmp_path) not in done.stderr, done.stderr


def test_both_units_leave_postgresql_alone():
    """KillMode=process is what makes a restart of the daemon harmless."""
    for unit in ("tanist.service", "tanist@.service"):
        lines = (UNITS / unit).read_text().splitlines()
        for wanted in ("KillMode=process", "Type=notify", "ExecReload=/bin/kill -HUP $MAINPID", "OOMPolicy=continue"):
            assert wanted in lines, f"{unit}: {wanted}"
        assert not [line for line in lines if line.startswith(("PrivateTmp=yes", "RuntimeDirectory="))], unit
