"""Members and a store put together, in one temporary directory that is gone in the end."""
import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor

from .etcd import Etcd
from .member import FAST, Member
from .processes import POSTGRES_BIN, end, reachable_binaries, reap_orphans, temporary_directory, wait_until


class Cluster:
    """`members` names them; `store_nodes` is the size of etcd; with a `switch`, each member and the store are hosts of
    their own. `overrides` is merged into every configuration, `member_overrides[name]` into one. `postgres_bin`: another
    PostgreSQL than the one that all tests run on."""

    def __init__(self, *, members=("m1", "m2", "m3"), store_nodes=1, dcs=FAST, overrides=None, member_overrides=None,
                 switch=None, scope=None, proxies=None, postgres_bin=POSTGRES_BIN):
        reap_orphans()
        self.directory = temporary_directory()
        self.scope = scope or self.directory.name
        self.switch = switch
        self.dcs = dcs
        self.observer = None
        if switch:
            switch.add("etcd", 2)
            self.etcd = Etcd(self.directory / "etcd", host=switch.address("etcd"), namespace=switch.namespace("etcd"),
                             ports=[(2379, 2380)])
        else:
            self.etcd = Etcd(self.directory / "etcd", size=store_nodes)
        bin_dir = reachable_binaries(self.directory)
        self.members = {}
        for number, name in enumerate(members, start=11):
            network = {}
            if switch:
                switch.add(name, number)
                network = {"host": switch.address(name), "namespace": switch.namespace(name)}
            member = Member(name, directory=self.directory / name, scope=self.scope, store=self.etcd.endpoints,
                            bin_dir=bin_dir, dcs=dcs, overrides=overrides, postgres_bin=postgres_bin, **network)
            if member_overrides and name in member_overrides:
                member.write_configuration(**member_overrides[name])
            if proxies and name in proxies:
                # The proxy is all that this member may use: the store's own list of addresses would lead around it.
                member.write_configuration(etcd3={"hosts": [proxies[name].endpoint], "use_proxies": True})
            self.members[name] = member

    def __getitem__(self, name):
        return self.members[name]

    def __iter__(self):
        return iter(self.members.values())

    def key(self, name):
        return f"/service/{self.scope}/{name}"

    # ---- life

    def start_store(self):
        self.etcd.start()
        self.observer = self.etcd.observe(self.key(""))
        return self

    def start(self, *, timeout=60):
        """Store and members; returns once one leads and all others stream."""
        self.start_store()
        for member in self:
            member.start()
        self.wait_for_leader(timeout)
        self.wait_for_streaming(timeout)
        return self

    def close(self, *, keep=False):
        if self.observer:
            self.observer.close()
        for member in self:  # all at once: an orderly hand-over from one to the next would only take time
            if member.running():
                member.kill()
        for member in self:
            member.clean_up()
        self.etcd.stop()
        for process in self.etcd.processes:
            end(process)
        if self.switch:
            self.switch.close()
        if not (keep or os.environ.get("TANIST_KEEP")):
            shutil.rmtree(self.directory, ignore_errors=True)

    # ---- roles

    def primaries(self):
        """Members whose REST API says primary right now."""
        with ThreadPoolExecutor(len(self.members)) as pool:
            running = [m for m in self if m.running()]
            return [m for m, status in zip(running, pool.map(lambda m: m.status("/primary"), running)) if status == 200]

    def leader_key(self):
        """The name in the leader key, None if there is no key."""
        return self.etcd.get(self.key("leader"))

    def wait_for_leader(self, timeout=30.0, *, other_than=None):
        """The one member that says primary, accepts writes and holds the key."""
        unwanted = getattr(other_than, "name", other_than)

        def one():
            found = self.primaries()
            if len(found) != 1 or found[0].name == unwanted or self.leader_key() != found[0].name:
                return None
            return found[0] if not found[0].value("SELECT pg_is_in_recovery()") else None

        who = f" other than {unwanted}" if unwanted else ""
        return wait_until(f"a primary{who}", one, timeout)

    def replicas(self):
        """All running members but the primary."""
        primary = self.wait_for_leader()
        return [m for m in self if m is not primary and m.running()]

    def wait_for_streaming(self, timeout=60.0, *, names=None):
        """Until all other running members (or `names`) stream from the primary and say so themselves."""
        def streaming():
            primary = self.wait_for_leader(1)
            wanted = set(names or (m.name for m in self if m.running() and m is not primary))
            rows = primary.query("SELECT application_name FROM pg_stat_replication WHERE state = 'streaming'")
            if not wanted <= {name for (name,) in rows}:
                return None
            if not all(self[name].status("/replica") == 200 for name in wanted):
                return None
            return primary

        return wait_until("all replicas to stream", streaming, timeout, interval=0.05)

    def wait_for_replay(self, timeout=30.0):
        """Until every replica has replayed what the primary has written so far."""
        primary = self.wait_for_leader()
        lsn = primary.value("SELECT pg_current_wal_lsn()::text")
        for member in self.replicas():
            wait_until(f"{member.name} to replay up to {lsn}", lambda: member.value(
                "SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", lsn), timeout)

    # ---- what happened, for a failed test

    def describe(self, lines=80):
        parts = []
        for member in self:
            parts.append(f"---- {member.name}: daemon {member.pid} "
                         f"{'running' if member.running() else f'ended ({member.process and member.process.poll()})'}, "
                         f"postmaster {member.postmaster()}, {member.rest('/patroni', timeout=1)}")
            parts.append(member.tail(lines))
        if self.observer:
            parts.append("---- store events")
            parts += [f"{time.strftime('%H:%M:%S', time.localtime(e.when))}.{int(e.when % 1 * 1000):03d} {e.kind} "
                      f"{e.key} {e.value[:120]}" for e in self.observer.events[-40:]]
        return "\n".join(parts)
