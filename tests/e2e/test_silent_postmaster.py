"""A postmaster that hangs: sessions go on, new ones are not answered. That is told; who asked for it gets another leader."""
import os
import re
import signal
import time

from harness.processes import wait_until

TIMEOUT = 8


def test_a_primary_that_answers_nobody_gives_way_where_that_is_asked_for(new_cluster):
    cluster = new_cluster(overrides={"tanist": {"silent_primary_timeout": TIMEOUT}}).start()
    primary = cluster.wait_for_leader()
    stopped = primary.kill_postmaster(signal.SIGSTOP)
    began = time.time()
    try:
        wait_until("it to be told", lambda: primary.rest("/patroni")[1].get("postgres_failing"), 15)
        assert primary.rest("/patroni")[1]["postgres_failing"]["new_connections_only"]
        assert "does not answer new connections" in primary.log()
        # Who asks whether new connections are answered leaves nothing of it in the server's log.
        assert not re.search(r"FATAL: .*(password|authentication)", primary.log())
        new = cluster.wait_for_leader(TIMEOUT + 30, other_than=primary)
        print(f"another member leads after {time.time() - began:.1f} s")
    finally:
        try:
            os.kill(stopped, signal.SIGCONT)
        except ProcessLookupError:
            pass
    assert new is not primary
    cluster.wait_for_streaming(60)
