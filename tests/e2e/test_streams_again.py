"""A primary that was down for a moment: its standbys stream again as soon as it accepts, not at PostgreSQL's own pace."""
import os
import signal
import time

from harness.checker import assert_all_is_well
from harness.processes import wait_until

OWN_PACE = 5  # wal_retrieve_retry_interval


def streaming(primary):
    return {name for (name,) in
            primary.query("SELECT application_name FROM pg_stat_replication WHERE state = 'streaming'")}


def test_standbys_stream_again_as_soon_as_a_killed_primary_is_back(cluster, writer):
    seen = []
    for _ in range(3):
        primary = cluster.wait_for_streaming()
        others = {m.name for m in cluster if m is not primary}
        old = primary.kill_postmaster()
        wait_until("a new postmaster that accepts", lambda: primary.postmaster() not in (None, old) and
                   primary.value("SELECT 1"), 20, interval=0.005)
        accepts = time.time()
        wait_until("all to stream", lambda: others <= streaming(primary), 20, interval=0.005)
        seen.append(time.time() - accepts)
    print("from accepting to streaming:", ", ".join(f"{s:.3f} s" for s in seen))
    assert sorted(seen)[1] < OWN_PACE / 2
    assert_all_is_well(cluster, writer)


def test_a_standby_whose_receiver_was_killed_is_not_flooded(cluster):
    """Where the upstream feeds nobody for another reason, the tries get rarer and end."""
    primary = cluster.wait_for_streaming()
    standby = next(m for m in cluster if m is not primary)
    primary.query("ALTER ROLE replicator NOLOGIN")
    try:
        receiver = standby.value("SELECT pid FROM pg_stat_wal_receiver")
        before = standby.log().count("role \"replicator\" is not permitted to log in")
        os.kill(receiver, signal.SIGTERM)
        time.sleep(12)  # the span in which the tries are counted
        tries = standby.log().count("role \"replicator\" is not permitted to log in") - before
        print("tries in 12 s:", tries)
        assert 10 <= tries <= 25
    finally:
        primary.query("ALTER ROLE replicator LOGIN")
    wait_until("it to stream again", lambda: standby.name in streaming(primary), 2 * OWN_PACE)
