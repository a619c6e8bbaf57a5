"""scripts/demo ends at Ctrl-C, with all that it started and made."""
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from harness.processes import REPOSITORY, binaries, send, temporary_directory, wait_until


def processes_below(directory):
    """Pids of all that was started in a directory or names it in its command line."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and (str(directory) in (entry / "cmdline").read_text(errors="replace") or
                                         os.readlink(entry / "cwd").startswith(str(directory))):
                found.append(int(entry.name))
        except OSError:  # it has ended meanwhile
            continue
    return found


@pytest.fixture
def place():
    """Where the demonstration makes its temporary directory."""
    directory = temporary_directory("tnst-demo-")
    yield directory
    for pid in processes_below(directory):
        send(pid, signal.SIGKILL)
    shutil.rmtree(directory, ignore_errors=True)


@pytest.mark.parametrize("when", ["streaming", "initdb"], ids=["the-cluster-is-up", "it-is-being-made"])
def test_ctrl_c_ends_everything_and_cleans_up(place, when):
    output = place / "output"
    with open(output, "w") as out:
        demo = subprocess.Popen([REPOSITORY / "scripts/demo"], stdin=subprocess.DEVNULL, stdout=out,
                                stderr=subprocess.STDOUT, start_new_session=True,
                                env={**os.environ, "TANIST_BIN_DIR": str(binaries()), "TMPDIR": str(place)})
    try:
        if when == "streaming":
            wait_until("two replicas in the table", lambda: output.read_text().count("| streaming |") >= 2, 60)
        else:
            wait_until("the first daemon", lambda: list(place.glob("tnst-*/m1/log")), 30)
        os.killpg(demo.pid, signal.SIGINT)  # as a terminal does: the whole group
        assert demo.wait(20) == 0, output.read_text()
    finally:
        if demo.poll() is None:
            os.killpg(demo.pid, signal.SIGKILL)
            demo.wait(10)
    assert processes_below(place) == []
    assert [entry.name for entry in place.iterdir()] == ["output"]
    assert "Traceback" not in output.read_text()
