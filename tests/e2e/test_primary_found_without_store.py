"""A daemon that is restarted while the store is gone stops the primary it finds before its lease ends, and keeps one whose
lease goes on."""
import json
import time

from harness.processes import wait_until


def test_a_found_primary_is_stopped_when_its_lease_ends(new_cluster):
    cluster = new_cluster(members=("m1",)).start_store()
    member = cluster["m1"].start()
    cluster.wait_for_leader(40)
    wait_until("the note of the lease", lambda: (member.directory / "data.tanist/lease").exists(), 10)
    cluster.etcd.kill()
    cut = time.time()
    member.kill()
    assert member.postmaster(), "a killed daemon leaves PostgreSQL running"
    cache = member.directory / "data/patroni.dynamic.json"
    cache.write_text(json.dumps({**json.loads(cache.read_text()), "pause": "off"}))  # a text, and a no all the same
    after = len(member.log())
    member.start()
    time.sleep(3)  # far from the end of the lease: nothing is to happen yet
    assert member.postmaster(), "the lease that was noted goes on"
    wait_until("PostgreSQL to be stopped", lambda: not member.postmaster(), cluster.dcs["ttl"])
    assert time.time() - cut < cluster.dcs["ttl"]
    member.wait_for_log("PostgreSQL was found running and nothing proves its lease", 5, after=after)
    cluster.etcd.start()
    assert cluster.wait_for_leader(40) is member


def test_a_found_standby_is_left_alone(new_cluster):
    cluster = new_cluster(members=("m1", "m2")).start()
    replica = cluster.replicas()[0]
    postmaster = replica.postmaster()
    for member in cluster:
        member.kill()
    cluster.etcd.kill()
    replica.start()
    time.sleep(cluster.dcs["ttl"] / 2)  # far beyond the second that a primary without a note would get
    assert replica.postmaster() == postmaster
