"""Physical replication slots: permanent ones are on every member and advance, what nobody knows is dropped, and the slot of a
member that is gone is kept for a while."""
import time

import pytest

from harness.processes import wait_until
from harness.rest import call

pytestmark = pytest.mark.xdist_group("slots")  # one cluster, one worker


def configure(cluster, change):
    assert call(cluster.wait_for_leader(), "PATCH", "/config", change).status == 200


def slot(member, name):
    rows = member.query("SELECT active, restart_lsn::text, xmin::text FROM pg_replication_slots WHERE slot_name = %s", name)
    return rows[0] if rows else None


def wait_for_slot(members, name, timeout=15):
    for member in members:
        wait_until(f"slot {name} on {member.name}", lambda: slot(member, name), timeout)


def wait_gone(members, name, timeout=15):
    for member in members:
        wait_until(f"slot {name} to be dropped on {member.name}", lambda: slot(member, name) is None, timeout)


def test_a_permanent_slot_is_on_every_member_and_advances(shared):
    primary = shared.wait_for_leader()
    configure(shared, {"slots": {"dwh": {"type": "physical"}, "standby_only": {"cluster_type": "standby"}}})
    wait_for_slot(shared, "dwh")
    assert slot(primary, "standby_only") is None, "it is for standby clusters"
    # What its consumer has confirmed on the primary is what standbys keep WAL from.
    primary.query("CREATE TABLE IF NOT EXISTS wal (n int)")
    primary.query("INSERT INTO wal SELECT generate_series(1, 1000)")
    position = primary.value("SELECT end_lsn::text FROM pg_replication_slot_advance('dwh', pg_current_wal_lsn())")
    for replica in shared.replicas():
        wait_until(f"the slot on {replica.name} to get to {position}", lambda: replica.value(
            "SELECT restart_lsn >= %s::pg_lsn FROM pg_replication_slots WHERE slot_name = 'dwh'", position), 15)
    # Nothing is asked for where nothing differs.
    configure(shared, {"slots": None})
    wait_gone(shared, "dwh")


def test_a_foreign_slot_is_dropped_unless_it_is_ignored_or_the_cluster_paused(shared):
    primary = shared.wait_for_leader()
    configure(shared, {"ignore_slots": [{"name": "foreign_kept", "type": "physical"}]})
    time.sleep(3)
    for name in ("foreign_kept", "foreign"):
        primary.query("SELECT pg_create_physical_replication_slot(%s)", name)
    wait_gone([primary], "foreign")
    assert slot(primary, "foreign_kept")
    primary.wait_for_log(r"INFO: Trying to drop unknown replication slot 'foreign'$")
    primary.wait_for_log(r"INFO: Dropped replication slot 'foreign'$")
    configure(shared, {"pause": True})
    wait_until("the pause to be known", lambda: primary.rest("/patroni")[1].get("pause"), 10)
    primary.query("SELECT pg_create_physical_replication_slot('foreign')")
    time.sleep(5)
    assert slot(primary, "foreign")
    configure(shared, {"pause": None, "ignore_slots": None})
    wait_gone([primary], "foreign")
    wait_gone([primary], "foreign_kept")


def test_a_wrong_slot_is_refused_when_it_comes_and_told_when_it_is_there(shared):
    primary = shared.wait_for_leader()
    refused = call(primary, "PATCH", "/config", {"slots": {"Bad-Name": {}}})
    assert refused.status != 200 and "Invalid permanent replication slot name 'Bad-Name'" in refused.text
    refused = call(primary, "PATCH", "/config", {"slots": {"feed": {"type": "logical"}}})
    assert refused.status != 200 and "Bad value for slot 'feed' in permanent_slots" in refused.text


def test_a_slot_never_holds_back_vacuum_for_good(shared):
    """One that a standby streamed through with hot_standby_feedback, left behind where nobody streams from any more."""
    primary = shared.wait_for_leader()
    first, second = shared.replicas()
    configure(shared, {"postgresql": {"parameters": {"hot_standby_feedback": "on"}}})
    mine = first.name.replace("-", "_")
    wait_until("the feedback to arrive", lambda: slot(primary, mine)[2], 20)
    assert call(primary, "POST", "/switchover", {"leader": primary.name, "candidate": second.name}, timeout=40).status == 200
    shared.wait_for_streaming()
    wait_until("the slot on the former primary to be free of it",
               lambda: slot(primary, mine) and slot(primary, mine)[2] is None, 20)
    configure(shared, {"postgresql": {"parameters": {"hot_standby_feedback": None}}})


def test_the_slot_of_a_vanished_member_is_kept_for_a_while(new_cluster):
    cluster = new_cluster(dcs={"ttl": 20, "loop_wait": 2, "retry_timeout": 3, "member_slots_ttl": "12s"}).start()
    primary = cluster.wait_for_leader()
    gone, stays = cluster.replicas()
    wait_for_slot(cluster.replicas(), primary.name)
    gone.kill_everything()
    wait_until("its key to be gone", lambda: cluster.etcd.get(cluster.key(f"members/{gone.name}")) is None, 40)
    left = time.monotonic()
    while time.monotonic() - left < 9:
        assert slot(primary, gone.name) and slot(stays, gone.name), f"dropped after {time.monotonic() - left:.1f} s"
        time.sleep(0.5)
    wait_gone([primary, stays], gone.name, 20)
    primary.wait_for_log(rf"Replication slot '{gone.name}' for absent cluster member is expired after 12 sec\.")
    assert slot(primary, stays.name)[0], "the other one streams on"
