"""A PostgreSQL that is no member, and subscribes to whoever of a cluster is the primary."""
import subprocess

import psycopg

from .member import SUPERUSER, SUPERUSER_PASSWORD
from .ports import free_port
from .processes import POSTGRES_BIN, account, end, give, kill_all_of, spawn, wait_until
from .writer import TABLE


class Subscriber:
    def __init__(self, cluster, *, postgres_bin=POSTGRES_BIN):
        (cluster.directory / "subscriber").mkdir()
        self.directory = give(cluster.directory / "subscriber")
        self.data, self.port = self.directory / "data", free_port()
        who = account()
        drop = {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []} if who else {}
        subprocess.run([postgres_bin / "initdb", "-D", self.data, "-U", "postgres", "--no-sync", "-A", "trust"], check=True,
                       capture_output=True, cwd="/", **drop)
        self.process = spawn([postgres_bin / "postgres", "-D", self.data, "-p", self.port, "-k", self.directory,
                              "-c", "fsync=off", "-c", "wal_retrieve_retry_interval=500ms"], self.directory / "log")
        wait_until("the subscriber to accept connections", lambda: self.value("SELECT 1"), 20)
        hosts = ",".join(m.host for m in cluster)
        ports = ",".join(str(m.port) for m in cluster)
        self.source = (f"host={hosts} port={ports} user={SUPERUSER} password={SUPERUSER_PASSWORD} dbname=postgres "
                       "target_session_attrs=read-write connect_timeout=3")

    def value(self, sql, *parameters):
        with psycopg.connect(host="127.0.0.1", port=self.port, user="postgres", dbname="postgres", autocommit=True,
                             connect_timeout=3) as connection:
            cursor = connection.execute(sql, parameters or None)
            return cursor.fetchall() if cursor.description else None

    def subscribe(self, slot, *, options="create_slot = false"):
        """To the table of the writers, from here on."""
        self.value(TABLE)
        self.value(f"CREATE SUBSCRIPTION all_of_it CONNECTION '{self.source}' PUBLICATION everything "
                   f"WITH (slot_name = '{slot}', copy_data = false, {options})")

    def rows(self):
        return set(self.value("SELECT writer, seq FROM promises"))

    def stop(self):
        end(self.process)
        kill_all_of(self.data)
