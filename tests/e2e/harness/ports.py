"""Free loopback ports, held against other tests of this machine for as long as this process lives."""
import fcntl
import os
import random
import socket
from pathlib import Path

# Below the range that the kernel hands out for outgoing connections, so that no client takes one meanwhile.
FIRST, LAST = 20000, 32000
_held = []


def free_port(host="127.0.0.1"):
    directory = Path(f"/tmp/tanist-ports-{os.geteuid()}")
    directory.mkdir(mode=0o700, exist_ok=True)
    for port in random.sample(range(FIRST, LAST), LAST - FIRST):
        lock = open(directory / str(port), "w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with socket.socket() as probe:
                probe.bind((host, port))
        except OSError:
            lock.close()
            continue
        _held.append(lock)
        return port
    raise RuntimeError(f"no free port between {FIRST} and {LAST}")
