"""The log as its readers know it: file and rotation, JSON, loggers, one line a cycle, and an end that does not hang."""
import json
import os
import re
import socket
import stat
import subprocess

import pytest
import yaml

from harness.ports import free_port
from harness.processes import account, give, reachable_binaries, send, temporary_directory, wait_until

LINE = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} [A-Z]+: .*"


def test_a_file_is_rotated_and_reloads_change_form_place_and_levels(new_cluster):
    cluster = new_cluster(members=("m1",), dcs={"ttl": 20, "loop_wait": 1, "retry_timeout": 3})
    cluster.start_store()
    member = cluster["m1"]
    logs = member.directory / "logs"
    logs.mkdir()
    give(logs)
    file = logs / "patroni.log"
    member.configuration["log"] = {"dir": str(logs), "file_size": 600, "file_num": 2, "mode": "0640"}
    member.configuration["postgresql"]["parameters"]["logging_collector"] = "on"  # stderr is Tanist's alone
    member.start()
    cluster.wait_for_leader(30)
    wait_until("a second heartbeat", lambda: file.read_text().count("no action. I am (m1)") >= 2, 15)
    for path in logs.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o640, path
        assert path.stat().st_size < 600 or path.read_text().count("\n") == 1, path
        assert re.fullmatch(f"(({LINE}|HINT: .*)\n)*", path.read_text()), path.read_text()
    assert {p.name for p in logs.iterdir()} <= {"patroni.log", "patroni.log.1", "patroni.log.2"}
    assert (logs / "patroni.log.1").exists()
    lines = file.read_text().splitlines()
    heartbeat = next(i for i, line in enumerate(lines) if "no action. " in line)
    assert heartbeat == 0 or "Lock owner: " not in lines[heartbeat - 1], "a healthy cycle is one line"

    # To stderr, as JSON, with one logger at DEBUG.
    member.configuration["log"] = {"type": "json", "format": [{"message": "text"}, "name", "levelname", "module", "lineno"],
                                   "static_fields": {"app": "shop"}, "loggers": {"tanist.ha": "DEBUG"}}
    written = len(member.log())
    member.reload()

    def parsed():
        complete = member.log()[written:].rpartition("\n")[0]
        return [json.loads(line) for line in complete.splitlines()]

    wait_until("JSON lines with both lines of a cycle",
               lambda: any(line["text"].startswith("no action. ") for line in parsed()), 15)
    for line in parsed():
        assert set(line) == {"text", "name", "levelname", "module", "lineno", "app"}
        assert line["app"] == "shop" and line["name"].startswith(("patroni", "urllib3")) and line["lineno"] > 0
        assert line["levelname"] != "DEBUG" or line["name"] == "patroni.ha"
    left = file.stat().st_size
    wait_until("another cycle", lambda: sum("no action. " in line["text"] for line in parsed()) >= 2, 15)
    assert file.stat().st_size == left, "the file is no longer written"


@pytest.fixture
def directory():
    made = temporary_directory()
    yield made
    subprocess.run(["rm", "-rf", str(made)], check=True)


def test_a_log_that_nobody_reads_ends_the_daemon_with_code_5(directory):
    store = socket.create_server(("127.0.0.1", 0))
    configuration = {
        "scope": "stuck", "name": "m1", "restapi": {"listen": f"127.0.0.1:{free_port()}"},
        "etcd3": {"hosts": [f"127.0.0.1:{store.getsockname()[1]}"]}, "log": {"level": "DEBUG"},
        "postgresql": {"listen": f"127.0.0.1:{free_port()}", "data_dir": str(directory / "data"),
                       "authentication": {"superuser": {"username": "postgres", "password": "a"},
                                          "replication": {"username": "repl", "password": "b"}}}}
    file = directory / "tanist.yml"
    file.write_text(yaml.safe_dump(configuration))
    give(file)
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    try:
        while True:
            os.write(writing, b"x" * 4096)
    except BlockingIOError:
        os.set_blocking(writing, True)
    who = account()
    drop = {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []} if who else {}
    daemon = subprocess.Popen([reachable_binaries(directory) / "tanist", file], stderr=writing, cwd=directory, **drop)
    try:
        # When it comes back to a store that hung up on it, it has had something to say of that.
        store.settimeout(15)
        for _ in range(2):
            store.accept()[0].close()
        send(daemon.pid, 15)
        assert daemon.wait(15) == 5
    finally:
        if daemon.poll() is None:
            daemon.kill()
            daemon.wait()
        store.close()
        os.close(reading)
        os.close(writing)
