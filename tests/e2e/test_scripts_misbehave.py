"""Scripts that ignore SIGTERM or print without end: the cycle goes on, memory stays, and an end is an end."""
import signal
import threading
import time
from pathlib import Path

import pytest

from harness.processes import alive, give, send, wait_until

MEGABYTE = 1_000_000
# What a script may cost the daemon: of each of its two outputs a megabyte and a quarter is kept; what follows the script,
# the log's queue and the allocator come on top.
MAY_GROW_BY = 6 * MEGABYTE


def write_script(directory, name, body):
    path = directory / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    give(path)
    return path


def deaf_script(directory, name):
    """It says who it is, ignores SIGTERM and never ends, like the child that it waits for."""
    return write_script(directory, name, f"trap '' TERM\necho $$ > {directory}/{name}.pid\nwhile :; do sleep 300; done")


def pid_of(directory, name):
    path = directory / f"{name}.pid"
    return int(wait_until(f"{name} to run", lambda: path.exists() and path.read_text().strip(), 20))


def resident(pid):
    """Bytes of memory that a process has resident."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise AssertionError(f"process {pid} is gone")


class Watch:
    """Looks all the time at a daemon that must go on as ever: memory, answers, contact with the store."""

    def __init__(self, member):
        self.member, self.most, self.slowest, self.seen, self.problems = member, 0, 0.0, set(), []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self.before = resident(self.member.pid)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join(10)

    def _run(self):
        while not self._stop.wait(0.05):
            began = time.monotonic()
            status, document = self.member.rest("/patroni", timeout=5)
            self.slowest = max(self.slowest, time.monotonic() - began)
            if status not in (200, 503) or not isinstance(document, dict) or document.get("stale"):
                self.problems.append((status, document))
                continue
            self.seen.add(document.get("dcs_last_seen"))
            self.most = max(self.most, resident(self.member.pid))

    def all_was_well(self):
        assert not self.problems, self.problems[0]
        assert self.slowest < 2, "the API answers, however busy the machine is"
        assert len(self.seen) > 1, "the cycle goes on"
        assert self.most - self.before < MAY_GROW_BY, f"{self.before} bytes were resident, then {self.most}"


def test_a_before_stop_that_ignores_sigterm_is_ended_all_the_same(new_cluster):
    cluster = new_cluster(members=("m1",)).start_store()
    member, place = cluster["m1"], cluster.directory
    member.write_configuration(postgresql={"before_stop": str(deaf_script(place, "deaf"))})
    member.start()
    cluster.wait_for_leader(40)
    member.terminate()
    script = pid_of(place, "deaf")
    time.sleep(cluster.dcs["ttl"] + 2)  # only a key that is renewed lives longer than its ttl
    assert cluster.leader_key() == "m1" and member.postmaster() and member.status("/patroni") == 200
    member.terminate()
    assert member.wait(20) == 0
    assert member.postmaster() is None
    assert not alive(script)


def test_a_pre_promote_that_ignores_sigterm_keeps_the_lease_and_is_ended(new_cluster):
    cluster = new_cluster(members=("m1", "m2"))
    first, second, place = cluster["m1"], cluster["m2"], cluster.directory
    second.write_configuration(postgresql={"pre_promote": str(deaf_script(place, "deaf"))})
    cluster.start_store()
    first.start()
    cluster.wait_for_leader(40)
    second.start()
    cluster.wait_for_streaming(40, names=["m2"])
    assert first.stop() == 0
    script = pid_of(place, "deaf")
    time.sleep(cluster.dcs["ttl"] + 2)  # only a key that is renewed lives longer than its ttl
    assert cluster.leader_key() == "m2", "the script is waited for, with the lease kept"
    assert second.status("/patroni") == 200 and second.value("SELECT pg_is_in_recovery()")
    assert second.status("/primary") == 503
    second.terminate()
    assert second.wait(30) == 0
    assert second.postmaster() is None
    assert not alive(script)


@pytest.fixture
def amount(soak):
    return 1000 * MEGABYTE if soak else 200 * MEGABYTE


def print_much(amount):
    """To both outputs: lines, and one line without an end."""
    half = amount // 2
    return f"yes 'a line of a script that talks too much' | head -c {half}\nhead -c {half} /dev/zero | tr '\\0' x >&2"


def test_a_callback_that_prints_much_costs_nothing(new_cluster, amount):
    cluster = new_cluster(members=("m1",)).start_store()
    member, place = cluster["m1"], cluster.directory
    talker = write_script(place, "talker", f"touch {place}/began\n{print_much(amount)}\ntouch {place}/ended")
    member.write_configuration(postgresql={"callbacks": {"on_reload": str(talker)}})
    member.start()
    cluster.wait_for_leader(40)
    with Watch(member) as watch:
        member.configuration["postgresql"]["parameters"]["work_mem"] = "5MB"
        member.reload()
        wait_until("the script to begin", (place / "began").exists, 15)
        time.sleep(2 * cluster.dcs["loop_wait"] + 1)  # the cycle has its turns meanwhile
        wait_until("the script to end", (place / "ended").exists, 240)
        assert cluster.leader_key() == "m1"
    watch.all_was_well()


def test_a_callback_that_never_stops_printing_is_ended_by_the_next(new_cluster):
    """It prints into the daemon's own output: at a pace that spares this machine's disk."""
    cluster = new_cluster(members=("m1",)).start_store()
    member, place = cluster["m1"], cluster.directory
    talker = write_script(place, "talker", f"trap '' TERM\necho $$ >> {place}/talker.pids\n"
                                           "while :; do head -c 1000000 /dev/zero | tr '\\0' x; sleep 0.05; done")
    member.write_configuration(postgresql={"callbacks": {"on_reload": str(talker)}})
    member.start()
    cluster.wait_for_leader(40)
    with Watch(member) as watch:
        started = []
        for number, setting in enumerate(("5MB", "6MB"), start=1):
            member.configuration["postgresql"]["parameters"]["work_mem"] = setting
            member.reload()
            started = wait_until(f"callback {number}", lambda: (place / "talker.pids").exists() and len(
                pids := (place / "talker.pids").read_text().split()) == number and pids, 15)
            time.sleep(2 * cluster.dcs["loop_wait"] + 1)  # the cycle has its turns meanwhile
        wait_until("the first to be ended", lambda: not alive(int(started[0])), 5)
        assert alive(int(started[1]))
    watch.all_was_well()
    # A callback outlives its daemon, as it may be what tells others of the stop: the test ends it.
    send(int(started[1]), signal.SIGKILL)


def test_a_replica_method_that_prints_much_costs_nothing(new_cluster, amount):
    cluster = new_cluster(members=("m1", "m2")).start_store()
    first, replica, place = cluster["m1"].start(), cluster["m2"], cluster.directory
    cluster.wait_for_leader(40)
    talker = write_script(place, "talker", f"touch {place}/began\n{print_much(amount)}\ntouch {place}/ended\nexit 7")
    replica.configuration["postgresql"].update(create_replica_methods=["talker", "basebackup"],
                                               talker={"command": str(talker)})
    replica.start()
    wait_until("the script to begin", (place / "began").exists, 30)
    with Watch(replica) as watch:
        time.sleep(2 * cluster.dcs["loop_wait"] + 1)  # the cycle has its turns meanwhile
        wait_until("the script to end", (place / "ended").exists, 300)
        cluster.wait_for_streaming(60, names=["m2"])
    watch.all_was_well()
    assert cluster.wait_for_leader() is first
    assert replica.log_file.stat().st_size < 5 * MEGABYTE, "what it printed is not all in the log"
