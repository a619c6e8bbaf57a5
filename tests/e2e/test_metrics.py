"""What monitoring reads: /metrics of every member through a change of roles, by the parsers of Prometheus itself, and the
alert rules and the dashboard that are shipped."""
import json
import re
import shutil
import subprocess
import time
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

from harness.ports import free_port
from harness.processes import wait_until
from harness.rest import call

pytestmark = pytest.mark.xdist_group("metrics")  # one cluster, one worker

PACKAGING = Path(__file__).resolve().parents[2] / "packaging/prometheus"
RULES = PACKAGING / "tanist.rules.yml"
OPENMETRICS = {"Accept": "application/openmetrics-text;version=1.0.0;q=0.8,text/plain;version=0.0.4;q=0.5"}

needs_promtool = pytest.mark.skipif(
    not shutil.which("promtool") or not shutil.which("prometheus"),
    reason="promtool and prometheus are missing: scripts/setup installs them (package prometheus)")


def metrics(member):
    """Name, or name and the labels beside scope and name: value."""
    answer = call(member, "GET", "/metrics")
    assert answer.status == 200, answer
    out = {}
    for line in answer.text.splitlines():
        if line.startswith("#"):
            continue
        name, scope, member_name, more, value = re.fullmatch(
            r'(\w+)\{scope="([^"]*)",name="([^"]*)",?([^}]*)\} (\S+)', line).groups()
        assert member_name == member.name
        out[f"{name}{{{more}}}" if more else name] = float(value)
    return out


def test_values_change_with_the_roles(shared):
    old = shared.wait_for_leader()
    shared.wait_for_streaming()
    before = metrics(old)
    assert before["patroni_primary"] == 1 and before["patroni_replica"] == 0
    assert before["patroni_postgres_state"] == 5 and before["patroni_postgres_running"] == 1
    assert before["patroni_xlog_location"] > 0 and before["patroni_xlog_replayed_location"] == 0
    assert before["tanist_lease_remaining_seconds"] > 0 and before["tanist_members"] == 3
    assert abs(before["patroni_dcs_last_seen"] - time.time()) < 30
    started = float(old.value("SELECT extract(epoch FROM pg_postmaster_start_time())"))
    assert abs(before["patroni_postmaster_start_time"] - started) < 0.001
    for replica in shared.replicas():
        wait_until("its own word of streaming", lambda r=replica: metrics(r)["patroni_postgres_streaming"] == 1, 10)
        seen = metrics(replica)
        assert seen["patroni_primary"] == 0 and seen["patroni_replica"] == 1
        assert seen["patroni_xlog_location"] == 0 and seen["patroni_xlog_replayed_location"] > 0
        assert seen["tanist_lease_remaining_seconds"] == 0 and "tanist_members" not in seen
        wait_until("its lag as the leader sees it",
                   lambda name=replica.name: f'tanist_member_replay_lag_bytes{{member="{name}"}}' in metrics(old), 20)
        for lag in ("flush_lag_bytes", "replay_lag_bytes", "replay_lag_seconds"):
            name = f'tanist_standby_{lag}{{standby="{replica.name}"}}'
            wait_until(name, lambda of=name: metrics(old).get(of, -1) >= 0, 10)
        assert not any(name.startswith("tanist_standby") for name in seen)
    assert before['tanist_store_request_seconds_count{operation="renew"}'] > 0
    wait_until("a margin of the lease", lambda: metrics(old).get("tanist_lease_smallest_margin_seconds", 0) > 5, 20)

    assert old.stop() == 0
    new = shared.wait_for_leader(other_than=old)
    wait_until("the metrics of a primary", lambda: metrics(new)["patroni_primary"] == 1, 10)
    after = metrics(new)
    assert after["patroni_replica"] == 0 and after["patroni_postgres_timeline"] > before["patroni_postgres_timeline"]
    assert after["tanist_cycle_duration_seconds_count"] > 0
    assert after['tanist_takeover_seconds_count{kind="failover",phase="promotion"}'] == 1
    assert after['tanist_takeover_seconds_count{kind="failover",phase="election"}'] == 1
    assert 0 < after['tanist_takeover_seconds_sum{kind="failover",phase="promotion"}'] < 30
    assert after['tanist_takeover_seconds_count{kind="switchover",phase="promotion"}'] == 0
    assert after['tanist_operation_phase_seconds_count{phase="promoting"}'] >= 1
    assert after['tanist_store_request_seconds_count{operation="acquire"}'] >= 1
    old.start()
    shared.wait_for_streaming()
    wait_until("the metrics of a replica", lambda: metrics(old)["patroni_replica"] == 1, 10)
    assert metrics(old)["patroni_primary"] == 0


def test_the_cluster_is_answered_from_memory_and_never_behind_what_was_answered(shared):
    """Each change, once it was answered by a member, is in that member's /cluster; others see it without a read of the
    store, too, and the store itself says the same to whoever asks for it."""
    leader, other = shared.wait_for_leader(), shared.replicas()[0]
    shared.wait_for_streaming()

    def paused(member, **headers):
        return call(member, "GET", "/cluster", headers=headers).json.get("pause", False)

    for value in (True, False) * 3:
        assert call(other, "PATCH", "/config", {"pause": value}).status == 200
        assert paused(other) == value
        assert paused(other, **{"Cache-Control": "no-cache"}) == value
        wait_until("the other members know", lambda want=value: paused(leader) == want, 2, interval=0.005)
    began = time.monotonic()
    for _ in range(200):
        assert len(call(leader, "GET", "/cluster").json["members"]) == 3
    assert time.monotonic() - began < 5


@needs_promtool
def test_promtool_reads_what_members_write(shared):
    for member in shared:
        text = call(member, "GET", "/metrics").text
        checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=30)
        said = (checked.stdout + checked.stderr).strip().splitlines()
        # Patroni's counters have no suffix, and a start time no unit: dashboards know them by these names.
        ours = [line for line in said if not line.startswith("patroni_")]
        assert not ours and checked.returncode in (0, 3), said


@needs_promtool
def test_the_rules_are_rules():
    checked = subprocess.run(["promtool", "check", "rules", RULES], capture_output=True, text=True, timeout=30)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert re.search(r"SUCCESS: \d+ rules found", checked.stdout)


@needs_promtool
def test_a_prometheus_scrapes_members_and_sees_one_die(shared, tmp_path):
    shared.wait_for_streaming()
    port = free_port()
    targets = [f"{member.host}:{member.rest_port}" for member in shared]
    (tmp_path / "prometheus.yml").write_text(json.dumps({
        "global": {"scrape_interval": "500ms", "scrape_timeout": "500ms", "evaluation_interval": "500ms"},
        "rule_files": [str(RULES)],
        "scrape_configs": [{"job_name": "tanist", "static_configs": [{"targets": targets}]}]}))
    log = open(tmp_path / "log", "w")
    server = subprocess.Popen(
        ["prometheus", f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/data",
         f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log)

    def get(path, **parameters):
        try:
            url = f"http://127.0.0.1:{port}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
            with urllib.request.urlopen(url, timeout=3) as answer:
                return json.load(answer)["data"]
        except OSError:
            return None

    def values(query):
        data = get("query", query=query)
        return {row["metric"].get("instance", ""): float(row["value"][1]) for row in data["result"]} if data else {}

    def alerts():
        data = get("alerts")
        return {(a["labels"]["alertname"], a["labels"].get("instance")) for a in data["alerts"]} if data else set()

    try:
        wait_until("every member scraped", lambda: values("up") == {target: 1 for target in targets}, 30)
        assert values("sum(patroni_primary)") == {"": 1}
        wait_until("calm", lambda: not alerts(), 20)
        victim = shared.replicas()[0]
        victim.kill()
        at = f"{victim.host}:{victim.rest_port}"
        wait_until("the alert", lambda: ("TanistMemberDown", at) in alerts(), 20)
        victim.start()
        wait_until("calm again", lambda: not alerts(), 60)
    finally:
        server.terminate()
        server.wait(20)
        log.close()


def test_the_dashboard_is_one():
    dashboard = json.loads((PACKAGING / "dashboard.json").read_text())
    assert dashboard["title"] == "Tanist" and dashboard["panels"]
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
