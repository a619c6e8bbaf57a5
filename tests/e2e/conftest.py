"""End-to-end tests: the real binaries, PostgreSQL, etcd and clients, with faults. A file a promise.

Each test has its own temporary directory and ports, so they run side by side (`-n 2`). TANIST_BIN_DIR names other
binaries than build/release/bin, TANIST_KEEP=1 keeps the directories, TANIST_SOAK=1 means more rounds. --pg-bindir, or
TANIST_TEST_PG_BINDIR, names another PostgreSQL than /usr/lib/postgresql/15/bin."""
import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.dont_write_bytecode = True

# The harness is imported where it is used, and so after the options are known: it takes PostgreSQL's folder from the
# environment, which workers of xdist inherit.


def pytest_addoption(parser):
    parser.addoption("--pg-bindir", metavar="DIR", default=os.environ.get("TANIST_TEST_PG_BINDIR"),
                     help="run on the PostgreSQL in DIR, or on major version DIR of those that scripts/postgres-versions "
                          "brought (TANIST_TEST_PG_BINDIR; default /usr/lib/postgresql/15/bin)")


def pytest_configure(config):
    config.addinivalue_line("markers", "needs_postgresql(major): skipped on an older PostgreSQL")
    asked = config.getoption("--pg-bindir")
    if not asked:
        return
    from harness import versions
    if asked.isdigit():
        found = versions.bin_directory(asked)
        if not found:
            raise pytest.UsageError(f"PostgreSQL {asked} is not here: see scripts/postgres-versions --help")
        asked = found
    if not os.access(Path(asked) / "postgres", os.X_OK):
        raise pytest.UsageError(f"--pg-bindir {asked}: no program postgres there")
    os.environ["TANIST_TEST_PG_BINDIR"] = str(Path(asked).absolute())


def pytest_runtest_setup(item):
    from harness import processes, versions
    for mark in item.iter_markers("needs_postgresql"):
        if (have := versions.major_version(processes.POSTGRES_BIN)) < mark.args[0]:
            pytest.skip(f"needs PostgreSQL {mark.args[0]}, this is {have}")


def pytest_report_header():
    from harness.processes import POSTGRES_BIN
    return f"PostgreSQL: {POSTGRES_BIN}"


def pytest_collection_modifyitems(items):
    from harness.processes import binaries
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


@pytest.fixture(scope="module")
def shared():
    """A cluster of three for the tests of one file, each of which leaves it whole. The file has to stay on one worker."""
    from harness.cluster import Cluster
    cluster = Cluster()
    try:
        yield cluster.start()
    finally:
        cluster.close()


@pytest.fixture(scope="module")
def installed():
    """Programs of a major version with the extension, made when they are asked for."""
    import shutil

    from harness import versions
    from harness.fence import can_build, install
    from harness.processes import POSTGRES_BIN, reap_orphans, temporary_directory
    reap_orphans()
    directory = temporary_directory("tfi-")
    made = {}

    def of(major=None):
        found = versions.bin_directory(major) if major else POSTGRES_BIN
        if not found:
            pytest.skip(f"PostgreSQL {major} is not here: scripts/postgres-versions {major} brings it")
        if not can_build(found):
            pytest.skip(f"the headers of {found} are not here")
        if found not in made:
            made[found] = install(found, directory)
        return made[found]

    yield of
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def new_cluster(request):
    """Makes clusters with the options of Cluster; all are ended with the test."""
    from harness.cluster import Cluster
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
    from harness.writer import Writer
    with Writer(cluster) as running:
        yield running


@pytest.fixture
def switch():
    from harness import netns
    reason = netns.missing()
    if reason:
        pytest.skip(reason)
    made = netns.Switch()
    yield made
    made.close()
