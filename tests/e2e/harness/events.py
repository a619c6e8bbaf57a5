"""Listens to GET /events with curl, and takes what comes apart."""
import json
import queue
import subprocess
import threading
import time


class Listener:
    """`curl -N` on a member's events. Each is (id, type, data), in the order they came."""

    def __init__(self, member, *, last_id=None, options=()):
        command = ["curl", "-sNi", *options, f"{member.url}/events"]
        if last_id is not None:
            command += ["-H", f"Last-Event-ID: {last_id}"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE)
        self.seen = []
        self.header = []
        self.comments = 0
        self._came = queue.Queue()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.process.kill()
        self.process.wait()
        self._thread.join()

    def _read(self):
        fields, in_header = {}, True
        for raw in self.process.stdout:
            line = raw.decode().rstrip("\r\n")
            if in_header:
                self.header.append(line)
                in_header = line != ""
            elif line.startswith(":"):
                self.comments += 1
            elif line:
                name, _, value = line.partition(": ")
                fields[name] = value
            else:
                if "event" in fields:
                    self._came.put((time.time(), fields["id"], fields["event"], json.loads(fields["data"])))
                fields = {}

    def wait_for(self, what, condition, timeout=10):
        """The first event from now on for which `condition(type, data)` holds, and when it came."""
        end = time.monotonic() + timeout
        while True:
            try:
                when, number, kind, data = self._came.get(timeout=max(0, end - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no event {what} within {timeout} s, but {self.seen}") from None
            self.seen.append((number, kind, data))
            if condition(kind, data):
                return when, data

    def drain(self, seconds):
        """All that comes in this time."""
        end = time.monotonic() + seconds
        while True:
            try:
                _, number, kind, data = self._came.get(timeout=max(0, end - time.monotonic()))
            except queue.Empty:
                return self.seen
            self.seen.append((number, kind, data))

    @property
    def ids(self):
        return [number for number, _, _ in self.seen]
