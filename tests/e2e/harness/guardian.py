"""What a daemon says to a guardian, for tests that play the daemon (src/guard/message.h)."""
import os
import socket
import struct
import time
from pathlib import Path
from typing import NamedTuple

HELLO, ARM, DISARM, LEAVE = 1, 2, 3, 4
DONE, OLDER_EPOCH, KILLING, BROKEN, OTHER_VERSION = range(5)
MAGIC, VERSION = 0x44524754, 1


def boottime():
    """CLOCK_BOOTTIME in seconds."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Status(NamedTuple):
    magic: int
    version: int
    result: int
    epoch: int
    serial: int
    kill_at: int
    kills: int
    lacks: int
    killed_at: int
    allocations: int
    reserved: int


class Connection:
    """To the guardian of a state directory."""

    def __init__(self, state_dir, *, patience=10.0):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(10)
        deadline = time.monotonic() + patience
        while True:  # it listens soon after it was started
            try:
                self.socket.connect(str(Path(state_dir) / "guardian"))
                return
            except (FileNotFoundError, ConnectionRefusedError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.01)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def ask(self, kind, *, epoch=1, kill_at=0.0, descriptors=()):
        """The status that comes back."""
        datagram = struct.pack("=IHHQQq32s", MAGIC, VERSION, kind, epoch, 1, int(kill_at * 1e9), b"")
        socket.send_fds(self.socket, [datagram], list(descriptors))
        return self.told()

    def arm(self, kill_at, data, pid=None, *, epoch=1):
        data_dir = os.open(data, os.O_PATH | os.O_DIRECTORY)
        descriptors = [data_dir] + ([os.pidfd_open(pid)] if pid else [])
        try:
            return self.ask(ARM, epoch=epoch, kill_at=kill_at, descriptors=descriptors)
        finally:
            for fd in descriptors:
                os.close(fd)

    def told(self):
        """The next status, asked for or not; None: the connection is over."""
        answer = self.socket.recv(256)
        return Status(*struct.unpack("=IHHQQqIIqII", answer)) if answer else None


def guardian_of(state_dir):
    """The pid of the guardian that has this state directory, None if there is none."""
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                words = Path(f"/proc/{entry}/cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if words[0].endswith(b"/tanist-guard") and words[1:2] == [str(state_dir).encode()]:
                return int(entry)
    return None


def resident_kb(pid):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise AssertionError(f"process {pid} has no memory")
