"""The control thread hangs: whoever asks is told so before the lease is over, and all recovers when it goes on.

PostgreSQL goes on meanwhile (docs/safety.md, "What it covers, and what it does not"): nothing is promised about writes
until the daemon runs again."""
import ctypes
import os
import time

import pytest

from harness.checker import assert_all_is_well, assert_identical_content
from harness.processes import wait_until
from harness.writer import Writer

PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT = 17, 0x4206, 0x4207
WAIT_FOR_ANY_THREAD = 0x40000000  # __WALL


class HeldThread:
    """Stops one thread of a process, and only that one: a signal would stop them all. The thread that made it has to
    end it."""

    def __init__(self, thread_id):
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
        self._libc.ptrace.restype = ctypes.c_long
        self.thread_id = thread_id
        self._trace(PTRACE_SEIZE)
        self._trace(PTRACE_INTERRUPT)
        os.waitpid(thread_id, WAIT_FOR_ANY_THREAD)

    def _trace(self, request):
        if self._libc.ptrace(request, self.thread_id, None, None) != 0:
            raise OSError(ctypes.get_errno(), f"ptrace({request}, {self.thread_id})")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._trace(PTRACE_DETACH)


def hold(thread_id):
    if os.geteuid() != 0:
        pytest.skip("stopping one thread of another user's process needs root: run scripts/test as root, or with sudo")
    try:
        return HeldThread(thread_id)
    except PermissionError as error:
        pytest.skip(f"one thread of a process cannot be stopped here: {error}")


def test_a_blocked_control_thread_is_told_before_the_lease_ends(cluster):
    ttl = cluster.dcs["ttl"]
    primary = cluster.wait_for_leader()
    with Writer(cluster) as before:
        wait_until("rows before the fault", lambda: len(before.acks) > 20, 10)
    cluster.wait_for_replay()
    assert primary.status("/primary") == 200 and primary.status("/liveness") == 200
    seen = []
    with hold(primary.pid):  # the control thread is the main thread: its id is that of the process
        held = time.monotonic()
        while time.monotonic() - held < ttl + 2:
            asked = time.monotonic() - held
            seen.append((asked, primary.status("/primary"), primary.status("/liveness")))
            time.sleep(0.1)  # ten looks a second are enough, and leave the two cores to the rest
        assert primary.rest("/patroni")[1]["stale"] is True
        assert primary.running()
    assert all(answer in (200, 503) for _, primary_check, liveness in seen for answer in (primary_check, liveness)), \
        f"the API thread answers all the time: {seen}"
    assert max(asked for asked, check, _ in seen if check == 200) < ttl, "nobody is sent to a primary without a lease"
    first = min(asked for asked, check, _ in seen if check == 503)
    assert all(check == 503 for asked, check, _ in seen if asked >= first), "what is unknown does not become known again"
    assert seen[-1][2] == 503, "whoever watches the daemon may restart it"

    # It goes on: one primary, whoever that is, and what the old one wrote behind its back is nowhere.
    cluster.wait_for_leader(ttl + 20)
    cluster.wait_for_streaming(60)
    for member in cluster:
        wait_until(f"{member.name} to be alive", lambda: member.status("/liveness") == 200, 10)
    with Writer(cluster) as after:
        wait_until("rows after it", lambda: len(after.acks) > 20, 10)
        assert_all_is_well(cluster, after)
    assert_identical_content(cluster)
