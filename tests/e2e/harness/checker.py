"""What has to hold after every scenario."""
from collections import defaultdict

from .processes import wait_until


def reigns(acks):
    """Rows by (member, timeline): a promotion begins a timeline, a restart in place goes on with its own."""
    found = defaultdict(list)
    for ack in acks:
        found[ack.member, ack.timeline].append(ack)
    return found


def assert_one_primary_at_a_time(acks):
    """No row was *sent* to one primary after another, later one had *acknowledged* a row: each such pair means that two
    accepted writes at once, whatever the delays on the way."""
    spans = sorted(((min(a.acked for a in rows), max(rows, key=lambda a: a.sent), who)
                    for who, rows in reigns(acks).items()), key=lambda span: span[0])
    for position, (_, last, earlier) in enumerate(spans):
        for first_acked, _, later in spans[position + 1:]:
            assert last.sent <= first_acked, (
                f"two primaries: {earlier[0]} (timeline {earlier[1]}) accepted row {last.writer}/{last.seq} sent at "
                f"{last.sent:.3f}, {last.sent - first_acked:.3f} s after {later[0]} (timeline {later[1]}) had "
                f"acknowledged its first")


def content(member):
    """Number and digest of all rows."""
    return member.query("SELECT count(*), md5(string_agg(writer || ' ' || seq, ',' ORDER BY writer, seq)) FROM promises")[0]


def assert_identical_content(cluster, *, timeout=60):
    """All running members end with the same rows."""
    cluster.wait_for_streaming(timeout)

    def same():
        cluster.wait_for_replay(5)
        found = {m.name: content(m) for m in cluster if m.running()}
        return found if len(set(found.values())) == 1 else None

    return wait_until("identical content on all members", same, 20, interval=0.1)


def assert_nothing_lost(cluster, acks):
    """Every acknowledged row is there."""
    primary = cluster.wait_for_leader()
    there = set(primary.query("SELECT writer, seq FROM promises"))
    missing = [a for a in acks if (a.writer, a.seq) not in there]
    assert not missing, f"{len(missing)} of {len(acks)} acknowledged rows are lost, the first: {missing[0]}"


def assert_nothing_lost_before(cluster, acks, moment):
    """Every row acknowledged before a moment is there."""
    assert_nothing_lost(cluster, [a for a in acks if a.acked < moment])


def assert_all_is_well(cluster, writer):
    """After every scenario: stops the writer and checks what must hold whatever was done to the cluster."""
    acks = writer.stop()
    assert_identical_content(cluster)
    assert_one_primary_at_a_time(acks)
    return acks
