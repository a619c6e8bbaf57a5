"""The watchdog on a pipe that stands for the device: when it is armed, kept alive, and disarmed."""
import os
import signal
import threading
import time

import pytest

from harness.processes import wait_until
from harness.rest import call


class Device:
    """A pipe, and what was written to it with the time."""

    def __init__(self, path):
        os.mkfifo(path, 0o666)
        os.chmod(path, 0o666)
        self.path = path
        self.heard = []
        self._end = threading.Event()
        self._fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self):
        while not self._end.is_set():
            try:
                text = os.read(self._fd, 4096).decode()
            except BlockingIOError:
                text = ""
            if text:
                self.heard.append((time.time(), text))
            time.sleep(0.005)

    def close(self):
        self._end.set()
        self._thread.join()
        os.close(self._fd)

    def text(self, after=0.0):
        return "".join(text for at, text in list(self.heard) if at >= after)


@pytest.fixture
def devices():
    made = []

    def make(path):
        made.append(Device(str(path)))
        return made[-1]
    yield make
    for device in made:
        device.close()


def watchdog(member):
    return member.rest("/patroni")[1].get("tanist_watchdog")


def test_the_device_counts_down_while_a_member_leads_and_never_else(new_cluster, devices):
    cluster = new_cluster()
    pipes = {}
    for member in cluster:
        pipes[member.name] = devices(cluster.directory / f"{member.name}.watchdog")
        member.write_configuration(watchdog={"mode": "required", "device": pipes[member.name].path, "driver": "testing",
                                             "safety_margin": 5})
    cluster.start()
    primary = cluster.wait_for_leader()
    ttl = cluster.dcs["ttl"]
    wait_until("it is armed", lambda: pipes[primary.name].text().startswith(f"Ctimeout={ttl - 5}\n1"), 10)
    wait_until("REST tells", lambda: watchdog(primary) == {"active": True, "timeout_seconds": ttl - 5}, 5)
    for replica in cluster.replicas():
        assert pipes[replica.name].text() == "", "nobody arms it without need"
        assert watchdog(replica) is None
    now = time.time()
    time.sleep(5)
    beats = pipes[primary.name].text(after=now)
    assert beats and set(beats) == {"1"}, beats

    # In pause it is disarmed, and armed again after it.
    now = time.time()
    assert call(primary, "PATCH", "/config", {"pause": True}).status == 200
    wait_until("disarmed in pause", lambda: pipes[primary.name].text(after=now).endswith("V"), 10)
    assert call(primary, "PATCH", "/config", {"pause": None}).status == 200
    wait_until("armed again", lambda: "Ctimeout" in pipes[primary.name].text(after=now), 10)

    # Who steps down disarms it once nothing can commit any more; who takes over arms its own.
    now = time.time()
    primary.terminate()
    new = cluster.wait_for_leader(60, other_than=primary)
    assert pipes[primary.name].text(after=now).endswith("V")
    wait_until("the new primary's", lambda: "Ctimeout" in pipes[new.name].text(after=now), 10)

    # A daemon that does not run keeps nothing alive.
    wait_until("it leads for good", lambda: new.status("/primary") == 200, 10)
    os.kill(new.pid, signal.SIGSTOP)
    try:
        time.sleep(0.5)
        now = time.time()
        time.sleep(cluster.dcs["loop_wait"] * 2)
        assert pipes[new.name].text(after=now) == "", "neither kept alive nor disabled"
    finally:
        os.kill(new.pid, signal.SIGCONT)


def test_a_member_whose_required_device_is_not_there_does_not_lead(new_cluster):
    # Not from the begin: who founds a cluster and may not lead it gives up.
    cluster = new_cluster().start()
    without = cluster.replicas()[0]
    without.write_configuration(watchdog={"mode": "required", "device": "/nowhere/watchdog", "driver": "testing"})
    without.reload()
    wait_until("peers are told", lambda: without.rest("/patroni")[1].get("watchdog_failed") is True, 20)
    primary = cluster.wait_for_leader()
    primary.kill_everything()
    assert cluster.wait_for_leader(60, other_than=primary) is not without
