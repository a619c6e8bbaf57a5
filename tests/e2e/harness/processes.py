"""Starting and ending processes. Each is known by its pid; none of the servers runs as root."""
import ctypes
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
import threading
import time
from pathlib import Path

# Debian 12's own, or what --pg-bindir said before this was imported.
POSTGRES_BIN = Path(os.environ.get("TANIST_TEST_PG_BINDIR") or "/usr/lib/postgresql/15/bin")
REPOSITORY = Path(__file__).resolve().parents[3]


def account():
    """Whom servers run as: PostgreSQL refuses root, so root gives way to the user of Debian's PostgreSQL package."""
    return pwd.getpwnam("postgres") if os.geteuid() == 0 else None


def give(path):
    """Hands a file or directory to the account that servers run as."""
    who = account()
    if who:
        os.chown(path, who.pw_uid, who.pw_gid)
    return path


def temporary_directory(prefix="tnst-"):
    """A directory of that account, with a short name: a Unix socket's path has room for 107 bytes."""
    path = Path(tempfile.mkdtemp(prefix=prefix))
    path.chmod(0o711)
    give(path)
    return path


def binaries():
    """Where tanist and tanistctl are: TANIST_BIN_DIR, else the release build."""
    return Path(os.environ.get("TANIST_BIN_DIR", REPOSITORY / "build/release/bin"))


def reachable_binaries(directory):
    """The binaries, copied to `directory` when root started us: the clone may lie where others cannot look."""
    source = binaries()
    if os.geteuid() != 0:
        return source
    target = Path(directory) / "bin"
    if not target.exists():
        target.mkdir()
        for file in source.iterdir():
            if file.name.startswith("tanist") and file.is_file() and os.access(file, os.X_OK):
                shutil.copy2(file, target / file.name)
        for path in [target, *target.iterdir()]:
            path.chmod(path.stat().st_mode | stat.S_IXOTH | stat.S_IROTH)
    return target


def spawn(arguments, log, *, env=None, cwd="/", namespace=None, append=True):
    """Starts a process as the unprivileged account, its output in the file `log`; returns the Popen."""
    arguments = [str(a) for a in arguments]
    environment = {"PATH": f"{POSTGRES_BIN}:/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin",
                   "LANG": "C.UTF-8", "HOME": str(Path(log).parent), **(env or {})}
    who = account()
    if namespace:  # both programs replace themselves, so the pid is the server's
        arguments = ["nsenter", f"--net=/run/netns/{namespace}", "setpriv", f"--reuid={who.pw_uid}",
                     f"--regid={who.pw_gid}", "--clear-groups", *arguments]
        who = None
    drop = {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []} if who else {}
    with open(log, "ab" if append else "wb") as output:
        give(log)
        return subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                                cwd=cwd, env=environment, start_new_session=True, **drop)


def alive(pid):
    """Whether a process is there and no zombie."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return text.rpartition(")")[2].split()[0] not in "ZX"


def send(pid, number):
    """A signal; a process that is gone is fine."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def end(process, *, patience=10.0):
    """SIGTERM, then SIGKILL after `patience` seconds. Returns the exit code, None for a process never started."""
    if process is None:
        return None
    if process.poll() is None:
        send(process.pid, signal.SIGCONT)
        send(process.pid, signal.SIGTERM)
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            send(process.pid, signal.SIGKILL)
            process.wait(10)
    return process.returncode


def processes_of(directory):
    """Pids whose working directory is `directory`: the postmaster of a data directory and its children."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                where = os.readlink(f"/proc/{entry}/cwd")
            except OSError:
                continue
            if where.removesuffix(" (deleted)") == str(directory) and alive(int(entry)):
                found.append(int(entry))
    return found


def kill_all_of(directory, *, patience=10.0):
    """SIGKILL for everything that works in a directory of ours, until nothing is left."""
    deadline = time.monotonic() + patience
    killed = set()
    while pids := processes_of(directory):
        killed.update(pids)
        for pid in pids:
            send(pid, signal.SIGKILL)
        if time.monotonic() > deadline:
            raise RuntimeError(f"processes {pids} of {directory} survive SIGKILL")
        time.sleep(0.01)
    remove_shared_memory_of(killed)


def remove_shared_memory_of(pids):
    """A killed postmaster leaves a System V segment behind, and a machine has room for a few thousand of them."""
    if not pids:
        return
    header, *rows = (line.split() for line in Path("/proc/sysvipc/shm").read_text().splitlines())
    for row in rows:
        segment = dict(zip(header, row))
        if int(segment["cpid"]) in pids and segment["nattch"] == "0":
            subprocess.run(["ipcrm", "-m", segment["shmid"]], check=False, stderr=subprocess.DEVNULL)


def wait_until(what, condition, timeout, *, interval=0.02):
    """Polls until `condition` is true and returns its value; fails with what was waited for and what was seen last."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            value = condition()
            seen = repr(value)
        except Exception as error:  # what goes wrong while waiting is what is told in the end
            value, seen = None, f"{type(error).__name__}: {error}"
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout:g} s in vain for {what}; last seen: {seen}")
        time.sleep(interval)


class Reaper:
    """Stands in for an init that reaps at once, as systemd does: a postmaster outlives its daemon, and where PID 1 is
    slow its zombie would hold up the next start. Only PostgreSQL's and Tanist's own orphans are reaped here."""

    ORPHANS = ("postgres", "pg_basebackup", "pg_rewind", "initdb", "pg_ctl", "pg_controldata", "tanist-guard")
    PR_SET_CHILD_SUBREAPER = 36

    def __init__(self):
        if ctypes.CDLL(None, use_errno=True).prctl(self.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")
        threading.Thread(target=self._run, daemon=True, name="reaper").start()

    def _run(self):
        while True:
            for task in Path("/proc/self/task").iterdir():
                try:
                    children = (task / "children").read_text().split()
                except OSError:
                    continue
                for pid in children:
                    self._reap(int(pid))
            time.sleep(0.01)

    def _reap(self, pid):
        try:
            text = Path(f"/proc/{pid}/stat").read_text()
            name, _, rest = text.partition("(")[2].rpartition(")")
            if rest.split()[0] == "Z" and name in self.ORPHANS:
                os.waitpid(pid, os.WNOHANG)
        except (OSError, ChildProcessError):
            pass


_reaper = None


def reap_orphans():
    """Starts the reaper of this process, once."""
    global _reaper
    _reaper = _reaper or Reaper()
