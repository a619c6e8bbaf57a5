"""Modes that this version does not serve, found in /config: told as an ERROR, the primary goes on, and nobody promotes,
demotes by choice or clones until the mode is gone."""
import json
import time

from harness.checker import assert_all_is_well
from harness.processes import wait_until
from harness.writer import Writer

MODES = {"synchronous_mode": True, "standby_cluster": {"host": "198.51.100.9", "port": 5432}}
# What a member without data says.
NO_CLONE = {"synchronous_mode": "ERROR: not creating a replica: synchronous_mode is not supported yet",
            "standby_cluster": "ERROR: not creating a replica: standby_cluster is not supported yet"}


def change_config(cluster, **changes):
    """None removes a key."""
    config = json.loads(cluster.etcd.get(cluster.key("config")))
    for key, value in changes.items():
        config.pop(key, None)
        if value is not None:
            config[key] = value
    cluster.etcd.put(cluster.key("config"), json.dumps(config))


def position(cluster):
    return {member.name: len(member.log()) for member in cluster}


def test_a_primary_runs_on_and_nothing_else_begins(new_cluster):
    cluster = new_cluster().start()
    primary = cluster.wait_for_leader()
    replica, other = cluster.replicas()
    with Writer(cluster) as writer:
        wait_until("rows before the change", lambda: len(writer.acks) > 20, 10)
        for mode, value in MODES.items():
            began, before = time.time(), position(cluster)
            change_config(cluster, **{mode: value})
            for member in cluster:
                member.wait_for_log(f"ERROR.*{mode} is set in the dynamic configuration, which is not supported yet", 15,
                                    after=before[member.name])
            # A replica that lost everything stays away, although clones are what it is there for.
            replica.kill_everything()
            replica.wipe()
            gone = len(replica.log())
            replica.start()
            replica.wait_for_log(NO_CLONE[mode], 20, after=gone)
            time.sleep(2 * cluster.dcs["loop_wait"] + 1)  # what must not happen has had several cycles
            assert not replica.data.exists() or not any(replica.data.iterdir())
            assert cluster.leader_key() == primary.name and not primary.value("SELECT pg_is_in_recovery()")
            if mode != "standby_cluster":  # whose leader is no primary to those who ask for one
                assert cluster.primaries() == [primary]
            assert writer.longest_gap(began, time.time()) < 1, f"{mode}: the primary serves as ever"
            assert {a.member for a in writer.acks if a.acked >= began} == {primary.name}
            assert other.value("SELECT status FROM pg_stat_wal_receiver") == "streaming"
            change_config(cluster, **{mode: None})
            cluster.wait_for_streaming(60)

        # Stopped by an operator, it is not replaced: nobody races.
        change_config(cluster, synchronous_mode=True)
        before = position(cluster)
        assert primary.stop() == 0
        assert primary.postmaster() is None
        for member in (replica, other):
            member.wait_for_log("not taking part in the leader race: synchronous_mode is not supported yet", 20,
                                after=before[member.name])
        time.sleep(2 * cluster.dcs["loop_wait"] + 1)  # what must not happen has had several cycles
        assert cluster.leader_key() is None and cluster.primaries() == []
        assert all(m.value("SELECT pg_is_in_recovery()") for m in (replica, other))
        change_config(cluster, synchronous_mode=None)
        cluster.wait_for_leader(30, other_than=primary)
        primary.start()
        assert_all_is_well(cluster, writer)
