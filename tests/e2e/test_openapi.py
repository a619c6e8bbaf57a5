"""The REST API is as its own description says: the document is the one in docs, and schemathesis, which makes requests of
all kinds out of it, finds nothing."""
import json
import os
import subprocess
from pathlib import Path

import pytest

from harness import openapi
from harness.cluster import Cluster
from harness.processes import wait_until
from harness.rest import call
from harness.versions import folders

pytestmark = pytest.mark.xdist_group("openapi")

VERSION = "4.32.5"  # of scripts/schemathesis
USER = ("admin", "s3cret")
EXAMPLES = 400 if os.environ.get("TANIST_SOAK") == "1" else 15

# What the specification wants otherwise than schemathesis: methods that nobody knows are answered with 501 in place of
# 405, "no" of a health check is 503, and a valid request may be about a time or a member that is not there.
SETTINGS = """
[checks]
unsupported_method.enabled = false
not_a_server_error.expected-statuses = ["2xx", "3xx", "4xx", "501", "502", "503"]
positive_data_acceptance.expected-statuses = ["2xx", "401", "403", "404", "409", "412", "422", "501", "502", "503"]
# The last two digits say what was wrong: with the length, with the cluster as it is.
negative_data_rejection.expected-statuses = ["400", "401", "403", "404", "409", "411", "412", "413", "422", "431", "501", "502", "503"]
"""


def program():
    found = (folder / f"schemathesis-{VERSION}/bin/schemathesis" for folder in folders())
    return next((path for path in found if os.access(path, os.X_OK)), None)


@pytest.fixture(scope="module")
def lone():
    """A member that nobody else needs: it is restarted, reconfigured and asked for switchovers without end."""
    cluster = Cluster(members=("m1",))
    try:
        cluster.start_store()
        cluster["m1"].start()
        cluster.wait_for_leader()
        yield cluster
    finally:
        cluster.close()


def protect(member, user):
    """With a password, or without any."""
    authentication = {"username": user[0], "password": user[1]} if user else None
    member.write_configuration(restapi={"authentication": authentication})
    member.reload()
    wait_until("the new access", lambda: call(member, "POST", "/sigterm").status == (401 if user else 202), 10)


def test_the_document_is_the_one_in_docs(lone):
    member = lone["m1"]
    for user in (USER, None):
        protect(member, user)
        served = call(member, "GET", "/openapi.json").json
        wanted = json.loads(json.dumps(openapi.DOCUMENT))
        if not user:
            wanted["components"].pop("securitySchemes")
            for path in wanted["paths"].values():
                for operation in path.values():
                    operation.pop("security", None)
        assert served == wanted


@pytest.mark.skipif(not program(), reason=f"schemathesis {VERSION} is missing: scripts/schemathesis brings it")
@pytest.mark.parametrize("user", [USER, None], ids=["with-a-password", "without"])
def test_schemathesis_finds_nothing(lone, user, tmp_path):
    member = lone["m1"]
    protect(member, user)
    before = member.pid
    (tmp_path / "schemathesis.toml").write_text(SETTINGS)
    command = [program(), "--config-file", tmp_path / "schemathesis.toml", "run", f"{member.url}/openapi.json",
               "--seed", "1", "--max-examples", EXAMPLES, "--request-timeout", 60, "--suppress-health-check", "all",
               "--generation-database", "none", "--phases", "examples,coverage,fuzzing",
               "--exclude-path", "/events"]  # its answer does not end: test_events.py
    if user:
        command += ["--auth", ":".join(user)]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=500, cwd=tmp_path)
    assert done.returncode == 0, done.stdout[-20000:] + done.stderr[-5000:]
    assert member.running() and member.pid == before
    wait_until("a primary", lambda: member.status("/primary") == 200, 30)
    assert "AssertionError" not in done.stdout and Path(member.data / "PG_VERSION").exists()
