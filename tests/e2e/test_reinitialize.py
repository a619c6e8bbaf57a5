"""A new copy on request: from whom, when it is refused, and what becomes of the data if something goes wrong."""
import subprocess
import threading

import pytest

from harness.cluster import Cluster
from harness.member import tanistctl
from harness.processes import POSTGRES_BIN, give, wait_until
from harness.rest import call

pytestmark = pytest.mark.xdist_group("reinitialize")  # one cluster, one worker


def reinitialize(member, body=None, *, timeout=60):
    return call(member, "POST", "/reinitialize", body, timeout=timeout)


def identity(member):
    """Of the data directory's cluster, whatever its files are named."""
    return (member.data / "PG_VERSION").stat().st_ino, (member.data / "PG_VERSION").stat().st_ctime_ns


def slow_copies(member, place):
    """A pg_basebackup that crawls while the file `slow` is there; says whom it copies."""
    script = place / f"copy-{member.name}"
    script.write_text(f'#!/bin/sh\necho "$@" >> {place}/copied-{member.name}\n'
                      f'test -e {place}/slow && r="-r 1M"\nexec {POSTGRES_BIN}/pg_basebackup $r "$@"\n')
    script.chmod(0o755)
    give(script)
    member.configuration["postgresql"]["bin_name"] = {"pg_basebackup": "/".join([".."] * 12) + str(script)}


@pytest.fixture(scope="module")
def shop():
    cluster = Cluster()
    try:
        for member in cluster:
            slow_copies(member, cluster.directory)
        yield cluster.start()
    finally:
        cluster.close()


@pytest.fixture
def slow(shop):
    flag = shop.directory / "slow"
    flag.touch()
    yield flag
    flag.unlink(missing_ok=True)
    shop.wait_for_streaming(60)


def wait_for_copy(member, timeout=20):
    wait_until(f"a copy for {member.name}", lambda: member.rest("/patroni")[1]["state"] == "creating replica", timeout)


def test_a_replica_is_copied_anew_by_curl(shop):
    replica = shop.replicas()[0]
    before, postmaster = identity(replica), replica.postmaster()
    done = subprocess.run(["curl", "-sS", "-w", " %{http_code}", "-XPOST", f"{replica.url}/reinitialize"], timeout=60,
                          capture_output=True, text=True, check=True)
    assert done.stdout == "reinitialize started 200", done
    shop.wait_for_streaming(60)
    assert identity(replica) != before and replica.postmaster() not in (None, postmaster)
    assert "Removing data directory" in replica.log()


def test_tanistctl_waits_until_the_copy_runs(shop):
    replica = shop.replicas()[0]
    before, place = identity(replica), shop.directory / f"copied-{replica.name}"
    copies = len(place.read_text().splitlines())
    done = tanistctl(replica, "reinit", shop.scope, replica.name, "--force", "--from-leader", "--wait", timeout=90)
    assert done.returncode == 0, done
    assert f"Success: reinitialize for member {replica.name}\n" in done.stdout
    assert done.stdout.endswith(f"Reinitialize is completed on: {replica.name}\n"), done.stdout
    assert identity(replica) != before
    assert replica.rest("/patroni")[1]["state"] == "running"
    leader = shop.wait_for_leader()
    newest = place.read_text().splitlines()[copies:]
    assert len(newest) == 1 and f"port={leader.port}" in newest[0].replace("'", ""), newest


def test_a_leader_refuses_and_stays(shop):
    leader = shop.wait_for_leader()
    before, postmaster = identity(leader), leader.postmaster()
    answer = reinitialize(leader, {"force": True})
    assert (answer.status, answer.text) == (503, "I am the leader, can not reinitialize")
    assert identity(leader) == before and leader.postmaster() == postmaster
    assert shop.wait_for_leader() is leader


@pytest.mark.parametrize("body", ["{", "[1]", '"force"', '{"force": tru}'])
def test_a_body_that_is_wrong_changes_nothing(shop, body):
    replica = shop.replicas()[0]
    before, postmaster = identity(replica), replica.postmaster()
    assert reinitialize(replica, body).status == 400
    assert identity(replica) == before and replica.postmaster() == postmaster


def test_a_copy_that_runs_is_ended_only_by_force(shop, slow):
    replica = shop.replicas()[0]
    assert reinitialize(replica).status == 200
    wait_for_copy(replica)
    answer = reinitialize(replica)
    assert (answer.status, answer.text) == (503, "reinitialize already in progress")
    slow.unlink()
    answer = reinitialize(replica, {"force": "on"})
    assert (answer.status, answer.text) == (200, "reinitialize started")
    shop.wait_for_streaming(60)
    assert "Cancelling long running task reinitialize" in replica.log()


def test_two_at_once_are_one_copy_and_one_refusal(shop, slow):
    replica = shop.replicas()[0]
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(reinitialize(replica))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted((a.status, a.text) for a in answers) == [(200, "reinitialize started"),
                                                           (503, "reinitialize already in progress")]
    slow.unlink()
    shop.wait_for_streaming(60)


def test_a_daemon_killed_amid_the_copy_comes_back_as_a_replica(shop, slow):
    replica = shop.replicas()[0]
    assert reinitialize(replica).status == 200
    wait_for_copy(replica)
    replica.kill()
    slow.unlink()
    replica.start()
    shop.wait_for_streaming(60)


def test_without_a_source_the_data_stays(new_cluster):
    """The leader's host is there, and its PostgreSQL lets nobody in any more."""
    cluster = new_cluster(members=("m1", "m2")).start()
    leader, replica = cluster.wait_for_leader(), cluster.replicas()[0]
    before, postmaster = identity(replica), replica.postmaster()
    rules = leader.configuration["postgresql"]["pg_hba"]
    leader.write_configuration(postgresql={"pg_hba": ["host replication all all reject", *rules]})
    leader.reload()
    wait_until("the rule", lambda: any(row[0] == "reject" for row in leader.query(
        "SELECT auth_method FROM pg_hba_file_rules WHERE 'replication' = ANY(database)")), 10)
    answer = reinitialize(replica, {"force": True, "from_leader": True})
    assert answer.status == 503 and "nobody can give a copy, the data directory is kept" in answer.text, answer
    assert "pg_hba.conf" in answer.text, answer
    assert identity(replica) == before and replica.postmaster() == postmaster
    done = tanistctl(replica, "reinit", cluster.scope, replica.name, "--force", timeout=60)
    assert f"Failed: reinitialize for member {replica.name}, status code=503" in done.stdout, done
    leader.write_configuration(postgresql={"pg_hba": rules})
    leader.reload()
    wait_until("a copy", lambda: reinitialize(replica).status == 200, 20, interval=0.5)
    cluster.wait_for_streaming(60)
    assert identity(replica) != before


def test_without_a_leader_the_data_stays(new_cluster):
    cluster = new_cluster(members=("m1", "m2")).start()
    leader, replica = cluster.wait_for_leader(), cluster.replicas()[0]
    assert call(leader, "PATCH", "/config", {"maximum_lag_on_failover": 0}).status == 200
    replica.configuration["tags"] = {"nofailover": True}
    replica.write_configuration()
    replica.reload()
    wait_until("the tag", lambda: replica.rest("/patroni")[1].get("tags", {}).get("nofailover"), 10)
    before = identity(replica)
    leader.kill_everything()
    wait_until("the end of the key", lambda: cluster.leader_key() is None, 60)
    answer = reinitialize(replica, {"force": True})
    assert (answer.status, answer.text) == (503, "Cluster has no leader, can not reinitialize")
    assert identity(replica) == before
