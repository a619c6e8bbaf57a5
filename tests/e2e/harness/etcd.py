"""etcd: one node or three, and a small client over the JSON gateway."""
import base64
import http.client
import json
import shutil
import signal
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass

from .ports import free_port
from .processes import end, give, send, spawn, wait_until


def _encode(text):
    return base64.b64encode(text.encode()).decode()


def _decode(text):
    return base64.b64decode(text or "").decode()


@dataclass
class StoreEvent:
    when: float      # time.time() of its arrival here
    kind: str        # "put" or "delete"
    key: str
    value: str


class Observer:
    """Records every change below a prefix as it happens."""

    def __init__(self, host, port, prefix):
        self.events = []
        self._connection = http.client.HTTPConnection(host, port, timeout=600)
        body = {"create_request": {"key": _encode(prefix), "range_end": _encode(prefix[:-1] + chr(ord(prefix[-1]) + 1))}}
        self._connection.request("POST", "/v3/watch", json.dumps(body))
        self._response = self._connection.getresponse()
        self._response.readline()  # "created": from here on nothing is missed
        self._thread = threading.Thread(target=self._run, daemon=True, name="observer")
        self._thread.start()

    def _run(self):
        while True:
            try:
                line = self._response.readline()
            except (OSError, ValueError, AttributeError, http.client.HTTPException):
                return
            if not line:
                return
            now = time.time()
            for event in json.loads(line).get("result", {}).get("events", []):
                kv = event.get("kv", {})
                self.events.append(StoreEvent(now, event.get("type", "PUT").lower(), _decode(kv.get("key")),
                                              _decode(kv.get("value"))))

    def of(self, key, kind=None, after=0.0):
        """Events of keys that end in `key`."""
        return [e for e in list(self.events) if e.key.endswith(key) and e.when >= after and kind in (None, e.kind)]

    def close(self):
        try:
            self._connection.sock.shutdown(2)
        except (OSError, AttributeError):
            pass


class Etcd:
    """A store of `size` nodes. Nodes are numbered from 0; a stopped or killed one may be started again on its data."""

    def __init__(self, directory, *, size=1, host="127.0.0.1", namespace=None, ports=None):
        self.directory, self.size, self.host, self.namespace = directory, size, host, namespace
        self.directory.mkdir(parents=True, exist_ok=True)
        give(self.directory)
        self.ports = ports or [(free_port(), free_port()) for _ in range(size)]
        self.processes = [None] * size

    @property
    def endpoints(self):
        return [f"{self.host}:{client}" for client, _ in self.ports]

    def log(self, node):
        return self.directory / f"etcd{node}.log"

    def start(self, *nodes):
        for node in nodes or range(self.size):
            client, peer = (f"http://{self.host}:{port}" for port in self.ports[node])
            members = ",".join(f"e{i}=http://{self.host}:{p}" for i, (_, p) in enumerate(self.ports))
            self.processes[node] = spawn(
                ["etcd", "--name", f"e{node}", "--data-dir", self.directory / f"e{node}",
                 "--listen-client-urls", client, "--advertise-client-urls", client,
                 "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
                 "--initial-cluster", members, "--initial-cluster-token", self.directory.parent.name,
                 "--logger", "zap", "--log-level", "warn"],
                self.log(node), namespace=self.namespace)
        for node in nodes or range(self.size):
            client = self.ports[node][0]
            wait_until(f"etcd on {self.endpoints[node]}", lambda: self._post(client, "maintenance/status", {}), 20)
        wait_until(f"a quorum of etcd on {', '.join(self.endpoints)}", lambda: self.get("-", absent="there"), 20)
        return self

    def stop(self):
        for process in self.processes:
            if process and process.poll() is None:
                send(process.pid, signal.SIGCONT)
                send(process.pid, signal.SIGTERM)
        for process in self.processes:
            end(process, patience=5)

    def kill(self, *nodes):
        for node in nodes or range(self.size):
            process = self.processes[node]
            if process and process.poll() is None:
                send(process.pid, signal.SIGKILL)
                process.wait(10)

    def wipe(self, node):
        shutil.rmtree(self.directory / f"e{node}")

    def leader(self):
        """The number of the node that leads, None when nobody answers."""
        for node, (client, _) in enumerate(self.ports):
            try:
                status = self._post(client, "maintenance/status", {})
            except OSError:
                continue
            if status["leader"] == status["header"]["member_id"]:
                return node
        return None

    def _post(self, port, path, body, timeout=3):
        request = urllib.request.Request(f"http://{self.host}:{port}/v3/{path}", json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return json.load(answer)

    def call(self, path, body):
        """The first node that answers."""
        last = None
        for client, _ in self.ports:
            try:
                return self._post(client, path, body)
            except (urllib.error.URLError, OSError) as error:
                last = error
        raise ConnectionError(f"etcd at {', '.join(self.endpoints)}: {last}")

    def get(self, key, *, absent=None):
        kvs = self.call("kv/range", {"key": _encode(key)}).get("kvs", [])
        return _decode(kvs[0].get("value")) if kvs else absent

    def keys(self, prefix):
        end_of = prefix[:-1] + chr(ord(prefix[-1]) + 1)
        kvs = self.call("kv/range", {"key": _encode(prefix), "range_end": _encode(end_of)}).get("kvs", [])
        return {_decode(kv["key"]): _decode(kv.get("value")) for kv in kvs}

    def put(self, key, value):
        self.call("kv/put", {"key": _encode(key), "value": _encode(value)})

    def delete(self, key):
        """Whether there was something to delete."""
        return int(self.call("kv/deleterange", {"key": _encode(key)}).get("deleted", 0)) > 0

    def observe(self, prefix):
        return Observer(self.host, self.ports[0][0], prefix)

    def metrics(self, node=0):
        """The node's Prometheus counters, by full name with labels."""
        with urllib.request.urlopen(f"http://{self.endpoints[node]}/metrics", timeout=3) as answer:
            lines = answer.read().decode().splitlines()
        return {name: float(value) for name, _, value in (l.rpartition(" ") for l in lines if l[:1] not in ("#", ""))}
