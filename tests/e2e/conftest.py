"""End-to-end tests: the real binaries, PostgreSQL, etcd and clients, with faults. A file a promise.

Each test has its own temporary directory and ports, so they run side by side (`-n 2`). TANIST_BIN_DIR names other
binaries than build/release/bin, TANIST_KEEP=1 keeps the directories, TANIST_SOAK=1 means more rounds."""
import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.dont_write_bytecode = True

from harness import netns  # noqa: E402
from harness.cluster import Cluster  # noqa: E402
from harness.processes import binaries  # noqa: E402
from harness.writer import Writer  # noqa: E402


def pytest_collection_modifyitems(items):
    if not (binaries() / "tanist").exists():
        pytest.exit(f"{binaries()}/tanist is missing: build it first (cmake --preset release, cmake --build --preset "
                    "release) or set TANIST_BIN_DIR", returncode=1)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test tells what every member and the store did."""
    outcome = yield
    report = outcome.get_result()
    if report.when == "call" and report.failed:
        for cluster in getattr(item, "clusters", []):
            try:
                report.sections.append(("cluster", cluster.describe()))
            except Exception as error:
                report.sections.append(("cluster", f"cannot be described: {error}"))


@pytest.fixture
def soak():
    return os.environ.get("TANIST_SOAK") == "1"


@pytest.fixture
def new_cluster(request):
    """Makes clusters with the options of Cluster; all are ended with the test."""
    request.node.clusters = []

    def make(**options):
        cluster = Cluster(**options)
        request.node.clusters.append(cluster)
        return cluster

    yield make
    for cluster in request.node.clusters:
        cluster.close()


@pytest.fixture
def cluster(new_cluster):
    """Three members on one etcd, replicating."""
    return new_cluster().start()


@pytest.fixture
def writer(cluster):
    """Writes to every member of `cluster` while the test runs."""
    with Writer(cluster) as running:
        yield running


@pytest.fixture
def switch():
    reason = netns.missing()
    if reason:
        pytest.skip(reason)
    made = netns.Switch()
    yield made
    made.close()
