"""A bootstrap that fails: its key is given back, its data kept aside, nothing of it runs, and the next attempt succeeds."""
import pytest

from harness.processes import give, processes_of, wait_until


def assert_given_back(cluster, member):
    """The daemon has ended by itself, and the next one finds everything as before the attempt."""
    assert member.wait(60) == 1
    assert "Failed to bootstrap cluster" in member.log()
    wait_until("/initialize to be given back", lambda: cluster.etcd.get(cluster.key("initialize")) is None, 5)
    assert cluster.leader_key() is None
    assert not member.data.exists() or not any(member.data.iterdir())
    assert member.postmaster() is None
    kept = member.data.with_name("data.failed")
    assert processes_of(member.data) == [] and processes_of(kept) == []
    return kept


def assert_makes_a_cluster(cluster, member):
    member.start()
    assert cluster.wait_for_leader(40) is member
    assert cluster.etcd.get(cluster.key("initialize")) == member.system_identifier()
    member.query("CREATE TABLE it_works ()")


def test_a_post_bootstrap_that_fails_keeps_its_data_aside(new_cluster):
    cluster = new_cluster(members=("m1", "m2")).start_store()
    member, other = cluster["m1"], cluster["m2"]
    script = cluster.directory / "post"
    script.write_text('#!/bin/sh\npsql -X -d "$1" -c "CREATE TABLE of_the_attempt ()" || exit 9\necho no licence >&2\nexit 3\n')
    script.chmod(0o755)
    give(script)
    member.write_configuration(bootstrap={"post_bootstrap": str(script)})
    member.start()
    kept = assert_given_back(cluster, member)
    assert "no licence" in member.log()
    assert (kept / "PG_VERSION").exists() and (kept / "global/pg_control").exists()
    attempt = member.system_identifier(kept)

    member.write_configuration(bootstrap={"post_bootstrap": None})
    assert_makes_a_cluster(cluster, member)
    assert member.system_identifier() != attempt
    assert member.query("SELECT 1 FROM pg_class WHERE relname = 'of_the_attempt'") == []
    other.start()
    cluster.wait_for_streaming(60, names=["m2"])


@pytest.mark.parametrize("wrong, said", [({"encoding": "KLINGON"}, "KLINGON"), ({"locale": "xx_XX.nowhere"}, "locale")],
                         ids=["encoding", "locale"])
def test_an_initdb_that_fails_is_told_with_its_words(new_cluster, wrong, said):
    cluster = new_cluster(members=("m1",)).start_store()
    member = cluster["m1"]
    right = member.configuration["bootstrap"]["initdb"]
    member.write_configuration(bootstrap={"initdb": [*right[1:], wrong]})
    member.start()
    assert_given_back(cluster, member)
    assert said in member.log()
    member.write_configuration(bootstrap={"initdb": right})
    assert_makes_a_cluster(cluster, member)


def test_another_member_may_found_the_cluster_after_it(new_cluster):
    """Only m1 has the script: m2 waits while m1 tries, and takes over once that failed."""
    cluster = new_cluster(members=("m1", "m2"))
    first, second = cluster["m1"], cluster["m2"]
    first.write_configuration(bootstrap={"post_bootstrap": "/bin/false"})
    cluster.start_store()
    first.start()
    wait_until("m1 to try", lambda: cluster.etcd.get(cluster.key("initialize")) is not None, 20)
    second.start()
    assert first.wait(60) == 1
    assert cluster.wait_for_leader(40) is second


def test_a_superuser_without_a_password_that_pg_hba_asks_for_is_told(new_cluster):
    """The server runs, and its own daemon is not let in: that ends, and says why."""
    cluster = new_cluster(members=("m1",)).start_store()
    member = cluster["m1"]
    authentication = {"superuser": {"username": "postgres", "password": None}}
    member.write_configuration(postgresql={"authentication": authentication})
    member.start()
    assert_given_back(cluster, member)
    assert "no password supplied" in member.log()
    assert "HINT: pg_hba.conf asks for a password" in member.log()

    member.write_configuration(postgresql={"authentication": {"superuser": {"password": "super-secret"}}})
    assert_makes_a_cluster(cluster, member)
