"""Loss of the primary's host: another member is writable within ttl + 1 s, and the lost one is taken back."""
import time

from harness.checker import assert_all_is_well
from harness.member import FAST
from harness.processes import wait_until
from harness.writer import Writer


def test_another_member_takes_over_within_ttl(new_cluster):
    cluster = new_cluster().start()
    primary = cluster.wait_for_leader()
    with Writer(cluster) as writer:
        wait_until("rows before the fault", lambda: len(writer.acks) > 20, 10)
        killed = time.time()
        primary.kill_everything()
        new = cluster.wait_for_leader(FAST["ttl"] + 20, other_than=primary)
        first = wait_until("a row on the new primary", lambda: writer.first_after(killed, member=new), 10)
        assert first.acked - killed < FAST["ttl"] + 2, "the lease's length and the promotion"
        gone = cluster.observer.of("/leader", "delete", after=killed)[0].when
        assert first.acked - gone < 2, "an event starts the race, not the next tick"

        primary.start()
        cluster.wait_for_streaming(60)
        assert cluster.wait_for_leader() is new, "who comes back does not take over"
        assert_all_is_well(cluster, writer)


def test_a_lost_primary_with_rows_of_its_own_is_rewound(new_cluster):
    """Rows that never left the host are the price of asynchronous replication; they must go, the member must return."""
    cluster = new_cluster().start()
    primary = cluster.wait_for_leader()
    with Writer(cluster) as writer:
        wait_until("rows before the fault", lambda: len(writer.acks) > 20, 10)
        for replica in cluster.replicas():  # a replica that hears nothing any more
            replica.query("ALTER SYSTEM SET primary_conninfo = 'host=127.0.0.1 port=1'")
            replica.query("SELECT pg_reload_conf()")
        wait_until("nobody to stream", lambda: primary.value("SELECT count(*) FROM pg_stat_replication") == 0, 10)
        rows = len(writer.on(primary))
        wait_until("rows that only the primary has", lambda: len(writer.on(primary)) > rows + 5, 10)
        primary.kill_everything()
        for replica in [m for m in cluster if m is not primary]:
            replica.query("ALTER SYSTEM RESET primary_conninfo")
            replica.query("SELECT pg_reload_conf()")
        cluster.wait_for_leader(FAST["ttl"] + 20, other_than=primary)
        primary.start()
        assert_all_is_well(cluster, writer)


def test_all_hosts_lost_at_once_come_back_with_every_row(new_cluster):
    cluster = new_cluster().start()
    with Writer(cluster) as writer:
        wait_until("rows before the fault", lambda: len(writer.acks) > 20, 10)
        primary = cluster.wait_for_leader()
        for member in cluster:
            member.kill_everything()
        for member in cluster:
            member.start()
        cluster.wait_for_leader(FAST["ttl"] + 40)
        acks = assert_all_is_well(cluster, writer)
        there = set(cluster.wait_for_leader().query("SELECT writer, seq FROM promises"))
        if cluster.wait_for_leader() is primary:
            assert all((a.writer, a.seq) in there for a in acks), "the former primary has everything it acknowledged"
