"""The guardian by itself, on a real PostgreSQL: whoever has a deadline is gone when it has passed, and nobody else."""
import os
import shutil
import signal
import socket
import subprocess
import threading
import time

import psycopg
import pytest

from harness.guardian import (ARM, BROKEN, DISARM, DONE, HELLO, KILLING, Connection, boottime, guardian_of, resident_kb)
from harness.ports import free_port
from harness.processes import (POSTGRES_BIN, alive, end, give, kill_all_of, processes_of, reachable_binaries, spawn,
                               temporary_directory, wait_until)


class Host:
    """A data directory with a PostgreSQL, a state directory with a guardian."""

    def __init__(self):
        self.directory = temporary_directory()
        self.data = self.directory / "data"
        self.state = self.directory / "data.tanist"
        self.state.mkdir(mode=0o700)
        give(self.state)
        self.port = free_port()
        self.server = None
        log = self.directory / "initdb.log"
        assert spawn([POSTGRES_BIN / "initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-N"], log).wait(60) == 0
        self.log_file = self.directory / "guardian.log"
        self.bin_dir = reachable_binaries(self.directory)
        self.guardian = spawn([self.bin_dir / "tanist-guard", self.state], self.log_file)

    def start_server(self, **settings):
        options = {"listen_addresses": "127.0.0.1", "port": self.port, "unix_socket_directories": self.directory,
                   "shared_buffers": "16MB", "cluster_name": "alone", **settings}
        arguments = [f"--{name}={value}" for name, value in options.items()]
        self.server = spawn([POSTGRES_BIN / "postgres", "-D", self.data, *arguments], self.directory / "postgres.log")
        wait_until("PostgreSQL to answer", self.answers, 30)
        return self.server.pid

    def answers(self):
        try:
            with self.connect():
                return True
        except psycopg.OperationalError:
            return False

    def connect(self):
        return psycopg.connect(host="127.0.0.1", port=self.port, user="postgres", dbname="postgres", autocommit=True,
                               connect_timeout=3)

    def log(self):
        return self.log_file.read_text()

    def close(self):
        end(self.guardian, patience=0)
        kill_all_of(self.data)
        if self.server:
            self.server.wait(10)
        if not os.environ.get("TANIST_KEEP"):
            shutil.rmtree(self.directory, ignore_errors=True)


@pytest.fixture
def host():
    made = Host()
    yield made
    made.close()


class BusyLoop:
    """Commits in PL/pgSQL without ever waiting for its client: such a backend does not notice the end of its postmaster."""

    def __init__(self, host):
        self.connection = host.connect()
        self.connection.execute("CREATE UNLOGGED TABLE IF NOT EXISTS busy (n int)")
        self.connection.execute("SET synchronous_commit = off")
        self.pid = self.connection.info.backend_pid
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        with host.connect() as other:
            wait_until("commits", lambda: other.execute("SELECT count(*) FROM busy").fetchone()[0] > 100, 10)

    def _run(self):
        try:
            self.connection.execute("DO $$ BEGIN LOOP INSERT INTO busy VALUES (1); COMMIT; END LOOP; END $$")
        except psycopg.Error:
            pass


@pytest.mark.parametrize("first", ["nothing", "its postmaster is killed", "its postmaster is stopped"])
def test_a_busy_backend_that_commits_is_gone_right_after_the_deadline(host, first):
    postmaster = host.start_server()
    busy = BusyLoop(host)
    with Connection(host.state) as daemon:
        deadline = boottime() + 1.0
        assert daemon.arm(deadline, host.data, postmaster).result == DONE
        if first != "nothing":
            os.kill(postmaster, signal.SIGKILL if "killed" in first else signal.SIGSTOP)
        assert alive(busy.pid), "what was armed is left alone until then"
        wait_until("the backend to end", lambda: not alive(busy.pid), 5, interval=0.002)
        ended = boottime()
        assert deadline <= ended < deadline + 0.15
        wait_until("everything to end", lambda: not processes_of(host.data), 5)
        told = daemon.told()
    assert told.kill_at == 0 and told.kills == 1 and told.allocations == 0
    assert "killed" in host.log() and host.guardian.poll() is None


@pytest.mark.skipif(os.geteuid() != 0, reason="real-time priority takes root")
def test_hundreds_of_backends_commit_nothing_once_the_lease_is_over(host):
    """With the priority that the unit of systemd gives it: without, hundreds of dying processes keep it waiting."""
    subprocess.run(["chrt", "-f", "-R", "-p", "50", str(host.guardian.pid)], check=True)
    postmaster = host.start_server(max_connections=400)
    connections = [host.connect() for _ in range(300)]
    connections[0].execute("CREATE TABLE written (at timestamptz DEFAULT clock_timestamp())")

    def write():
        try:
            with host.connect() as connection:
                while True:
                    connection.execute("INSERT INTO written DEFAULT VALUES")
        except psycopg.Error:
            pass

    writers = [threading.Thread(target=write, daemon=True) for _ in range(4)]
    for writer in writers:
        writer.start()
    with Connection(host.state) as daemon:
        deadline, by_the_wall = boottime() + 1.0, time.time() + 1.0
        daemon.arm(deadline, host.data, postmaster)
        # Not only that everything has ended: for 0.2 s what is started is killed as well.
        wait_until("the guardian to be done", lambda: "nothing is left of PostgreSQL" in host.log(), 10)
    for writer in writers:
        writer.join(10)
    for connection in connections:
        connection.close()
    host.start_server()
    with host.connect() as connection:
        last = connection.execute("SELECT extract(epoch FROM max(at))::float8 FROM written").fetchone()[0]
    # The kill is 0.2 s before another may lead.
    assert by_the_wall - 0.5 < last < by_the_wall + 0.2


def test_a_server_that_was_started_after_the_deadline_was_set_is_killed_as_well(host):
    with Connection(host.state) as daemon:
        host.start_server()
        host.server.send_signal(signal.SIGINT)
        host.server.wait(20)
        deadline = boottime() + 6
        daemon.arm(deadline, host.data)
        host.start_server()
        wait_until("everything to end", lambda: not processes_of(host.data), 10)
        assert boottime() >= deadline


def test_another_server_of_the_host_lives(host):
    host.start_server()
    other = Host()
    try:
        other_postmaster = other.start_server()
        with Connection(host.state) as daemon:
            # Whatever a daemon names, its data directory is what counts.
            assert daemon.arm(boottime() + 0.3, host.data, other_postmaster).result == DONE
            wait_until("everything to end", lambda: not processes_of(host.data), 5)
        time.sleep(0.3)
        assert other.answers()
    finally:
        other.close()


def hanging_archive(host):
    """archive_command waits while there is a file `slow`."""
    slow = host.directory / "slow"
    slow.touch()
    give(slow)
    return f"while [ -e {slow} ]; do sleep 0.1; done"


def stop_that_hangs_in_the_archiver(host):
    postmaster = host.start_server(archive_mode="on", archive_command=hanging_archive(host))
    with host.connect() as connection:
        connection.execute("CREATE TABLE rows (n int)")
        connection.execute("SELECT pg_switch_wal()")
    os.kill(postmaster, signal.SIGINT)
    return postmaster


def state_of(host):
    text = subprocess.run([POSTGRES_BIN / "pg_controldata", "-D", host.data], capture_output=True, text=True, check=True,
                          env={"LC_ALL": "C"}).stdout
    return next(line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("Database cluster state"))


def test_a_fast_stop_that_hangs_in_the_archiver_is_not_killed_once_no_backend_is_left(host):
    postmaster = stop_that_hangs_in_the_archiver(host)
    wait_until("the shutdown checkpoint", lambda: state_of(host) == "shut down", 20)
    with Connection(host.state) as daemon:
        daemon.arm(boottime() + 0.2, host.data, postmaster)
        time.sleep(1.5)
        assert alive(postmaster), host.log()
        assert "nothing that is left can commit, it is let alone" in host.log()
        (host.directory / "slow").unlink()
        assert host.server.wait(30) == 0, "it came to its own end"
        told = daemon.told()
        assert (told.kill_at, told.kills) == (0, 0)


def test_a_fast_stop_that_a_backend_holds_up_is_killed(host):
    postmaster = host.start_server(archive_mode="on", archive_command=hanging_archive(host))
    busy = BusyLoop(host)
    os.kill(busy.pid, signal.SIGSTOP)
    os.kill(postmaster, signal.SIGINT)
    with Connection(host.state) as daemon:
        daemon.arm(boottime() + 0.5, host.data, postmaster)
        wait_until("everything to end", lambda: not processes_of(host.data), 5)
        assert daemon.told().kills == 1


def test_an_idle_primary_is_killed_although_nobody_is_connected(host):
    postmaster = host.start_server(archive_mode="on", archive_command="true")
    with Connection(host.state) as daemon:
        daemon.arm(boottime() + 0.3, host.data, postmaster)
        wait_until("everything to end", lambda: not processes_of(host.data), 5)


def test_it_is_small_and_stays_so(host):
    postmaster = host.start_server()
    with Connection(host.state) as daemon:
        for n in range(2000):
            assert daemon.arm(boottime() + 3600, host.data, postmaster).result == DONE, n
        assert resident_kb(host.guardian.pid) < 2048
        assert len(os.listdir(f"/proc/{host.guardian.pid}/fd")) < 16
        assert daemon.ask(DISARM).allocations == 0
    assert guardian_of(host.state) == host.guardian.pid


def test_broken_messages_are_refused_and_logged_and_kill_nobody(host):
    postmaster = host.start_server()
    with Connection(host.state) as daemon:
        deadline = boottime() + 3600
        daemon.arm(deadline, host.data, postmaster)
        for datagram in (b"\0", b"x" * 7, b"{\"kill_at\": 1}", b"\xff" * 64, b"y" * 65, b"z" * 60000):
            with Connection(host.state) as other:
                other.socket.send(datagram)
                assert other.told().result == BROKEN
                assert other.told() is None
        with Connection(host.state) as other:
            files = [os.open("/dev/null", os.O_RDONLY) for _ in range(20)]
            socket.send_fds(other.socket, [b"junk"], files)
            assert other.told().result == BROKEN
            for file in files:
                os.close(file)
        with Connection(host.state) as other:
            assert other.ask(ARM, epoch=99, kill_at=0).result == BROKEN
        status = daemon.ask(HELLO)
        assert status.epoch == 1 and abs(status.kill_at / 1e9 - deadline) < 0.001
        assert len(os.listdir(f"/proc/{host.guardian.pid}/fd")) < 16, "what came with a broken message was closed"
    assert "refused a message" in host.log()
    assert host.answers()


@pytest.mark.skipif(os.geteuid() != 0, reason="another user takes root")
def test_a_foreign_user_is_refused_and_logged_and_kills_nobody(host):
    postmaster = host.start_server()
    with Connection(host.state) as daemon:
        daemon.arm(boottime() + 3600, host.data, postmaster)
        # The doors are open on purpose: what counts is who he is.
        for path, mode in ((host.directory, 0o755), (host.state, 0o777), (host.state / "guardian", 0o777)):
            path.chmod(mode)
        script = ("import socket\n"
                  "s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)\n"
                  f"s.connect({str(host.state / 'guardian')!r})\n"
                  "try:\n"
                  "    s.send(b'x' * 64)\n"
                  "    print('answered' if s.recv(100) else 'refused')\n"
                  "except OSError:\n"
                  "    print('refused')\n")
        answer = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "/usr/bin/python3", "-c",
                                 script], capture_output=True, text=True, timeout=20, check=True)
        assert answer.stdout.strip() == "refused"
        assert daemon.ask(HELLO).kill_at != 0
    assert "user 65534 has no business here" in host.log()
    assert host.answers()


def test_a_frozen_guardian_kills_when_it_runs_again_and_is_not_talked_out_of_it(host):
    postmaster = host.start_server()
    busy = BusyLoop(host)
    with Connection(host.state) as daemon:
        daemon.arm(boottime() + 0.2, host.data, postmaster)
        os.kill(host.guardian.pid, signal.SIGSTOP)
        time.sleep(0.5)
        assert alive(busy.pid)
        threading.Timer(0.1, os.kill, (host.guardian.pid, signal.SIGCONT)).start()
        assert daemon.arm(boottime() + 3600, host.data, postmaster).result == KILLING
        wait_until("everything to end", lambda: not processes_of(host.data), 5)
