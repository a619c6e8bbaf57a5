"""Clients that write all the time and remember every row that was acknowledged."""
import itertools
import re
import subprocess
import threading
import time
from dataclasses import dataclass

import psycopg

from . import netns
from .member import SUPERUSER, SUPERUSER_PASSWORD
from .processes import POSTGRES_BIN, end, spawn

TABLE = "CREATE TABLE IF NOT EXISTS promises (writer text, seq bigint, PRIMARY KEY (writer, seq))"
# Timeline and start are taken inside the writing statement: they belong to the server that acknowledged it.
INSERT = ("INSERT INTO promises VALUES (%s, %s) RETURNING "
          "substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8), extract(epoch FROM pg_postmaster_start_time())")


@dataclass(frozen=True)
class Ack:
    writer: str
    seq: int
    member: str
    sent: float          # time.time() before the statement was sent
    acked: float         # and after the answer had come
    timeline: int
    server_start: float


class Writer:
    """One thread a member. Each writes to its own member whatever that is just now: replicas refuse, and a second
    primary cannot hide. `namespaced`: connect from inside the member's host, so that a cut link does not shield it."""

    _numbers = itertools.count(1)

    def __init__(self, cluster, *, pause=0.01, namespaced=False, commit="local"):
        self.number = next(self._numbers)  # several may write to one cluster, one after the other
        self.cluster, self.pause, self.namespaced = cluster, pause, namespaced
        self.commit = commit  # synchronous_commit: `on` waits for whom the server waits for
        self.acks = []
        self.errors = []
        self._stop = threading.Event()
        self._threads = []

    def start(self):
        primary = self.cluster.wait_for_leader()
        primary.query(TABLE)
        for member in self.cluster:
            thread = threading.Thread(target=self._run, args=(member,), daemon=True, name=f"writer-{member.name}")
            thread.start()
            self._threads.append(thread)
        return self

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join(8)
        return list(self.acks)

    def _run(self, member):
        if self.namespaced:
            netns.enter(member.namespace)
        name, seq, connection = f"w-{member.name}-{self.number}", 0, None
        while not self._stop.is_set():
            seq += 1
            sent = time.time()
            try:
                connection = connection or member.connect(
                    connect_timeout=2, tcp_user_timeout=3000, keepalives_idle=2, keepalives_interval=1,
                    application_name="promises", options=f"-c synchronous_commit={self.commit}")
                sent = time.time()
                timeline, started = connection.execute(INSERT, (name, seq)).fetchone()
                self.acks.append(Ack(name, seq, member.name, sent, time.time(), int(timeline, 16), float(started)))
                time.sleep(self.pause)
            except psycopg.errors.ReadOnlySqlTransaction:
                time.sleep(0.005)
            except psycopg.errors.UndefinedTable:  # a replica that has not got so far
                time.sleep(0.02)
            except (psycopg.Error, OSError) as error:
                self.errors.append((time.time(), member.name, str(error).strip()))
                if connection:
                    connection.close()
                connection = None
                time.sleep(0.005)

    # ---- what the record says

    def on(self, member, *, after=0.0):
        return [a for a in list(self.acks) if a.member == getattr(member, "name", member) and a.sent >= after]

    def first_after(self, moment, *, member=None, not_member=None):
        """The first row acknowledged that was sent after a moment."""
        rows = [a for a in list(self.acks) if a.sent > moment and (member is None or a.member == member.name) and
                (not_member is None or a.member != not_member.name)]
        return min(rows, key=lambda a: a.acked, default=None)

    def longest_gap(self, since, until):
        """The longest time without an acknowledged row, in seconds."""
        times = sorted([since, until, *(a.acked for a in list(self.acks) if since <= a.acked <= until)])
        return max(b - a for a, b in zip(times, times[1:]))


LOOP = """CREATE OR REPLACE PROCEDURE write_for_ever(session text) LANGUAGE plpgsql AS $$
DECLARE n bigint := 0;
BEGIN
  LOOP
    n := n + 1;
    INSERT INTO promises VALUES (session, n);
    COMMIT;
    RAISE NOTICE '% %', n, extract(epoch FROM clock_timestamp());
    -- Busy without waiting for anything: a backend notices the death of its postmaster only when it waits.
    PERFORM count(*) FROM generate_series(1, 5000);
  END LOOP;
END $$"""


class LoopWriters:
    """Sessions that write in a loop on the server, without a round trip: the hardest to stop. Each row's number and the
    server's clock after its commit come back as a notice, read by psql into a file."""

    def __init__(self, cluster, member, sessions=4):
        self.cluster, self.member, self.sessions = cluster, member, sessions
        self._psql = []
        self._logs = []

    def start(self):
        self.member.query(TABLE)
        self.member.query(LOOP)
        for number in range(self.sessions):
            log = self.cluster.directory / f"loop{number}"
            command = [POSTGRES_BIN / "psql", "-X", "-q", "-h", self.member.host, "-p", self.member.port, "-U",
                       SUPERUSER, "-d", "postgres", "-v", "VERBOSITY=terse", "-c", f"CALL write_for_ever('loop{number}')"]
            env = {"PGPASSWORD": SUPERUSER_PASSWORD, "PGOPTIONS": "-c synchronous_commit=local"}
            self._logs.append(log)
            self._psql.append(spawn(command, log, env=env, namespace=self.member.namespace, append=False))
        return self

    def stop(self):
        for process in self._psql:
            end(process, patience=5)
        return self.rows()

    def rows(self):
        """(session, number, server's clock after the commit) of every acknowledged row."""
        found = []
        for number, log in enumerate(self._logs):
            for match in re.finditer(r"^NOTICE:  (\d+) (\d+\.\d+)$", log.read_text(errors="replace"), re.MULTILINE):
                found.append((f"loop{number}", int(match.group(1)), float(match.group(2))))
        return found

    def ended(self):
        return all(process.poll() is not None for process in self._psql)


def run_psql(member, sql):
    """One statement through psql, for where a separate process is wanted."""
    return subprocess.run([POSTGRES_BIN / "psql", "-X", "-At", "-h", member.host, "-p", str(member.port), "-U", SUPERUSER,
                           "-d", "postgres", "-c", sql], capture_output=True, text=True, timeout=10,
                          env={"PGPASSWORD": SUPERUSER_PASSWORD})
