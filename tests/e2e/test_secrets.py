"""No password is told: not in the log at DEBUG, the journal, REST, the store, or the command line of any process."""
import base64
import json
import threading
import time
import urllib.request
from pathlib import Path

from harness.processes import wait_until

SECRETS = {"superuser": "Zq7-superuser", "replication": "Zq7-replication", "rewind": "Zq7-rewind",
           "restapi": "Zq7-restapi", "ctl": "Zq7-control", "etcd": "Zq7-etcd-member", "etcd root": "Zq7-etcd-root"}


def telltales():
    """What must not be seen: the passwords, and what HTTP makes of them."""
    found = dict(SECRETS)
    for who, user in (("restapi", "api"), ("ctl", "api"), ("etcd", "tanist")):
        found[f"{who}, encoded"] = base64.b64encode(f"{user}:{SECRETS[who]}".encode()).decode()
    return found


def assert_no_secret(where, text):
    for who, secret in telltales().items():
        at = text.find(secret)
        assert at < 0, f"the password of {who} is in {where}: …{text[max(0, at - 200):at + 60]}…"


class CommandLines:
    """Looks at every process there is, again and again, and keeps the command lines and environments that tell."""

    def __init__(self):
        self.leaks, self.looks = {}, 0
        self._secrets = [s.encode() for s in telltales().values()]
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    def _run(self):
        while not self._stop.wait(0.02):
            self.looks += 1
            for entry in Path("/proc").iterdir():
                if entry.name.isdigit():
                    try:
                        line = (entry / "cmdline").read_bytes()
                    except OSError:
                        continue
                    if any(secret in line for secret in self._secrets):
                        self.leaks[entry.name] = line.replace(b"\0", b" ")


def authenticated_store(etcd):
    """Only those with a password may use it from here on; returns how root reads everything."""
    for user, password in (("root", SECRETS["etcd root"]), ("tanist", SECRETS["etcd"])):
        etcd.call("auth/user/add", {"name": user, "password": password})
        etcd.call("auth/user/grant", {"user": user, "role": "root"})
    etcd.call("auth/enable", {})

    def everything():
        token = etcd.call("auth/authenticate", {"name": "root", "password": SECRETS["etcd root"]})["token"]
        request = urllib.request.Request(f"http://{etcd.endpoints[0]}/v3/kv/range", headers={"Authorization": token},
                                         data=json.dumps({"key": "AA==", "range_end": "AA=="}).encode())
        with urllib.request.urlopen(request, timeout=3) as answer:
            return {base64.b64decode(kv["key"]).decode(): base64.b64decode(kv.get("value", "")).decode()
                    for kv in json.load(answer)["kvs"]}

    return everything


def test_no_password_is_told_to_anybody(new_cluster):
    cluster = new_cluster(members=("m1", "m2"), overrides={
        "log": {"level": "DEBUG"},
        "restapi": {"authentication": {"username": "api", "password": SECRETS["restapi"]}},
        "ctl": {"authentication": {"username": "api", "password": SECRETS["ctl"]}},
        "etcd3": {"username": "tanist", "password": SECRETS["etcd"]},
        "postgresql": {
            "authentication": {"superuser": {"password": SECRETS["superuser"]},
                               "replication": None,  # by the environment
                               "rewind": {"username": "rewinder", "password": SECRETS["rewind"]}},
            "parameters": {"log_statement": "all", "log_connections": "on"}}})
    cluster.etcd.start()
    everything = authenticated_store(cluster.etcd)
    first, second = cluster
    environment = {"PATRONI_REPLICATION_USERNAME": "replicator", "PATRONI_REPLICATION_PASSWORD": SECRETS["replication"]}
    with CommandLines() as seen:
        first.start(env=environment)
        wait_until("a primary", lambda: first.status("/primary") == 200, 40)
        second.start(env=environment)
        wait_until("a streaming replica", lambda: second.status("/replica") == 200, 40)
        second.reload()
        second.wait_for_log("No local configuration items changed.")
        time.sleep(0.2)  # the watcher of command lines sees the reload, too
    assert seen.looks > 20
    assert not seen.leaks

    for member in cluster:
        for path in ("/", "/patroni", "/cluster", "/config", "/history", "/metrics"):
            status, body = member.rest(path)
            assert status, f"no answer to {path}"
            assert_no_secret(f"{path} of {member.name}", body if isinstance(body, str) else json.dumps(body))
        assert " DEBUG: " in member.log()
        assert_no_secret(f"the log of {member.name}", member.log())
        state = Path(f"{member.data}.tanist")
        files = [f for f in state.rglob("*") if f.is_file()]
        assert files, "the journal is one of them"
        for file in files:
            assert_no_secret(str(file), file.read_text(errors="replace"))
        variables = Path(f"/proc/{member.postmaster()}/environ").read_bytes().decode(errors="replace")
        assert_no_secret(f"the environment of PostgreSQL of {member.name}", variables)
        for name in ("postgresql.conf", "pg_hba.conf", "patroni.dynamic.json"):
            assert_no_secret(f"{name} of {member.name}", (member.data / name).read_text())

    keys = everything()
    assert len(keys) > 3
    assert_no_secret("the store", json.dumps(keys))
