"""Scripts around a promotion and a stop have their say, and no more than that."""
import time

from harness.processes import wait_until


def test_a_pre_promote_script_that_fails_gives_the_key_back(new_cluster):
    cluster = new_cluster(members=("m1", "m2"), member_overrides={
        "m2": {"postgresql": {"pre_promote": "/bin/sh -c 'exit 3'"}}}).start_store()
    first, second = cluster["m1"], cluster["m2"]
    first.start()
    cluster.wait_for_leader(40)
    second.start()
    cluster.wait_for_streaming(40, names=["m2"])
    assert first.stop() == 0
    second.wait_for_log("Releasing the leader key voluntarily because the pre-promote script failed", 15)
    second.wait_for_log("Promotion cancelled because the pre-promote script failed", 5)
    wait_until("the key to be free", lambda: cluster.leader_key() is None, 5)
    assert second.value("SELECT pg_is_in_recovery()")
    # It stands back for ttl: the other one has all the time to come back.
    first.start()
    assert cluster.wait_for_leader(20, other_than=second) is first
    cluster.wait_for_streaming(20, names=["m2"])


def test_scripts_that_hang_hold_up_neither_lease_nor_shutdown(new_cluster):
    """before_stop never ends: the primary goes on renewing its key, a second SIGTERM ends the wait."""
    cluster = new_cluster(members=("m1",), overrides={"postgresql": {
        "before_stop": "/bin/sh -c 'sleep 300'",
        "callbacks": {"on_start": "/bin/sh -c 'sleep 300'"}}}).start_store()
    member = cluster["m1"].start()
    cluster.wait_for_leader(40)
    member.terminate()
    time.sleep(3)  # many times what a stop takes without the script
    assert member.running() and member.postmaster(), "the script is waited for"
    assert cluster.leader_key() == "m1"
    assert member.status("/patroni") == 200
    member.terminate()
    assert member.wait(15) == 0
    assert member.postmaster() is None
