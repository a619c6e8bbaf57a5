"""A replication slot that holds back too much WAL is told of before the disk is full or its consumer has lost something:
by log, REST API, metrics, events and doctor; and so is one that has lost WAL."""
import json

import pytest

from harness.events import Listener
from harness.member import tanistctl
from harness.processes import wait_until
from harness.rest import call

pytestmark = pytest.mark.xdist_group("slot_risk")  # one cluster, one worker

MB = 1 << 20


def configure(cluster, change):
    assert call(cluster.wait_for_leader(), "PATCH", "/config", change).status == 200


def risk(member, slot):
    found = [r for r in member.rest("/patroni")[1].get("tanist_slots_at_risk", []) if r["slot"] == slot]
    return found[0] if found else None


def write_wal(primary, files):
    """Each file of WAL is 16 MB, whatever is in it."""
    for _ in range(files):
        primary.query("SELECT pg_logical_emit_message(true, 'filler', 'x')")
        primary.query("SELECT pg_switch_wal()")


def metrics(member, name):
    lines = call(member, "GET", "/metrics").text.splitlines()
    return [line for line in lines if line.startswith(name + "{")]


def doctor(member):
    done = tanistctl(member, "doctor", "-f", "json")
    return [row for row in json.loads(done.stdout) if row["Check"] == "slots"]


def test_a_slot_that_holds_more_than_the_warning_is_told_of_and_its_end_too(shared):
    primary = shared.wait_for_leader()
    configure(shared, {"tanist": {"slot_wal_warning": 40}, "slots": {"dwh": {"type": "physical"}}})
    for member in shared:
        wait_until(f"the slot on {member.name}", lambda: member.value(
            "SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'dwh'"), 15)
    assert risk(primary, "dwh") is None
    with Listener(primary) as listener:
        listener.wait_for("snapshot", lambda kind, data: kind == "snapshot")
        write_wal(primary, 4)
        _, told = listener.wait_for("the slot", lambda kind, data: kind == "slot" and data["slot"] == "dwh")
        assert told["member"] == primary.name and told["risk"] == "limit" and told["before"] is None
        assert told["active"] is False and told["retained_bytes"] >= 40 * MB == told["limit_bytes"]
        for member in shared:
            seen = wait_until(f"it to be told by {member.name}", lambda: risk(member, "dwh"), 10)
            assert seen["risk"] == "limit" and seen["limit_bytes"] == 40 * MB
            member.wait_for_log(r"WARNING: replication slot 'dwh', which nobody reads from, holds back \d+\.\d MB of WAL, "
                                r"more than tanist\.slot_wal_warning \(40\.0 MB\)")
        assert metrics(primary, "tanist_slot_at_risk")[0].endswith('slot="dwh",risk="limit"} 1')
        (held,) = [line for line in metrics(primary, "tanist_slot_retained_wal_bytes") if 'slot="dwh"' in line]
        assert int(held.rsplit(" ", 1)[1]) >= 40 * MB
        rows = [row for row in doctor(primary) if "dwh" in row["Finding"]]
        assert {row["About"] for row in rows} == set(shared.members) and {row["Grade"] for row in rows} == {"warning"}
        # It is said once, not with every look at it.
        assert primary.log().count("replication slot 'dwh', which nobody reads from, holds back") == 1
        # Its consumer gets on.
        primary.query("SELECT pg_replication_slot_advance('dwh', pg_current_wal_lsn())")
        _, over = listener.wait_for("the end", lambda kind, data: kind == "slot" and data["risk"] is None)
        assert over["slot"] == "dwh" and over["before"] == "limit"
    for member in shared:
        wait_until(f"{member.name} to be calm", lambda: risk(member, "dwh") is None, 15)
        member.wait_for_log(r"INFO: replication slot 'dwh' is a danger no more")
    assert not metrics(primary, "tanist_slot_at_risk")
    configure(shared, {"tanist": None, "slots": None})


def test_a_slot_near_its_bound_is_told_of_before_it_loses_wal_and_when_it_has(shared):
    primary = shared.wait_for_leader()
    # One that nobody but its maker knows is left alone where it is ignored.
    bounds = {"wal_keep_size": "16MB", "max_slot_wal_keep_size": "64MB", "max_wal_size": "32MB", "min_wal_size": "32MB"}
    configure(shared, {"ignore_slots": [{"name": "kept"}], "postgresql": {"parameters": bounds}})
    wait_until("the bound", lambda: primary.value("SHOW max_slot_wal_keep_size") == "64MB", 15)
    # It begins where the last checkpoint did.
    primary.query("CHECKPOINT")
    primary.query("SELECT pg_create_physical_replication_slot('kept', true)")
    write_wal(primary, 3)
    assert risk(primary, "kept") is None
    write_wal(primary, 1)
    seen = wait_until("the danger", lambda: risk(primary, "kept"), 10)
    assert seen["risk"] == "losing" and seen["limit_bytes"] == 64 * MB
    primary.wait_for_log(r"WARNING: replication slot 'kept'.* and max_slot_wal_keep_size is 64\.0 MB")
    assert primary.value("SELECT wal_status <> 'lost' FROM pg_replication_slots WHERE slot_name = 'kept'")
    (row,) = [row for row in doctor(primary) if "kept" in row["Finding"]]
    assert row["Grade"] == "error" and "is about to lose WAL" in row["Finding"]
    write_wal(primary, 3)
    primary.query("CHECKPOINT")
    wait_until("the loss", lambda: (risk(primary, "kept") or {}).get("risk") == "lost", 15)
    assert primary.value("SELECT wal_status FROM pg_replication_slots WHERE slot_name = 'kept'") == "lost"
    primary.wait_for_log(r"ERROR: replication slot 'kept', which nobody reads from, has lost WAL that its consumer needs")
    assert [line for line in metrics(primary, "tanist_slot_at_risk") if 'slot="kept",risk="lost"' in line]
    (row,) = [row for row in doctor(primary) if "kept" in row["Finding"]]
    assert row["Grade"] == "error" and "has lost WAL" in row["Finding"]
    primary.query("SELECT pg_drop_replication_slot('kept')")
    wait_until("calm", lambda: risk(primary, "kept") is None, 10)
    configure(shared, {"ignore_slots": None, "postgresql": {"parameters": {name: None for name in bounds}}})
