"""Bad input and bad days: each is answered by a clear message, nothing is deleted that this attempt did not make."""
import signal
import socket
import subprocess
import time

import pytest

from harness.checker import assert_all_is_well, assert_nothing_lost
from harness.member import DEFAULT, FAST
from harness.processes import POSTGRES_BIN, account, give, send, spawn, wait_until
from harness.writer import Writer


def test_an_unreachable_store_is_waited_for_and_sigterm_ends_it_at_once(new_cluster):
    cluster = new_cluster(members=("m1",))  # its etcd is never started
    member = cluster["m1"].start()
    member.wait_for_log("waiting on etcd", 15)
    assert member.running()
    began = time.time()
    member.terminate()
    assert member.wait(3) == 0
    assert time.time() - began < 1
    assert not member.data.exists() or not any(member.data.iterdir())


def test_a_store_that_swallows_everything_does_not_hold_up_sigterm(new_cluster):
    cluster = new_cluster(members=("m1",))
    with socket.create_server((cluster.etcd.host, cluster.etcd.ports[0][0])):  # accepts, never answers
        member = cluster["m1"].start()
        time.sleep(2)  # its request hangs by then: that it does can be seen nowhere
        began = time.time()
        member.terminate()
        member.wait(5)
        assert time.time() - began < 1


def test_the_data_directory_of_another_cluster_is_refused(new_cluster):
    cluster = new_cluster(members=("m1", "m2")).start_store()
    first, second = cluster["m1"], cluster["m2"]
    first.start()
    cluster.wait_for_leader(40)
    made = spawn([POSTGRES_BIN / "initdb", "-D", second.data, "-U", "postgres", "--no-sync", "-A", "trust"],
                 second.directory / "initdb.log", cwd=second.directory)
    assert made.wait(30) == 0
    foreign = second.system_identifier()
    second.start()
    assert second.wait(30) == 1
    second.wait_for_log("system ID mismatch", 5)
    assert second.system_identifier() == foreign
    assert cluster.wait_for_leader() is first


def test_a_rest_port_in_use_is_named(new_cluster):
    cluster = new_cluster(members=("m1",)).start_store()
    member = cluster["m1"]
    with socket.create_server((member.host, member.rest_port)):
        member.start()
        assert member.wait(15) == 1
    member.wait_for_log(f"{member.host}:{member.rest_port}", 1)


def test_a_postgresql_port_in_use_is_told_and_mended_when_it_is_free(new_cluster):
    cluster = new_cluster(members=("m1",)).start_store()
    member = cluster["m1"]
    with socket.create_server((member.host, member.port)):
        member.start()
        member.wait_for_log("could not bind|Address already in use", 30)
        assert member.wait(30) == 1, "a new cluster that cannot be made is no cluster: the attempt is undone"
        assert cluster.etcd.get(cluster.key("initialize")) is None
    member.start()
    assert cluster.wait_for_leader(60) is member
    identifier = member.system_identifier()
    assert cluster.etcd.get(cluster.key("initialize")) == identifier

    # A cluster that exists has somebody to wait for.
    assert member.stop() == 0
    before = len(member.log())
    with socket.create_server((member.host, member.port)):
        member.start()
        member.wait_for_log("could not bind|Address already in use", 30, after=before)
        time.sleep(2 * FAST["loop_wait"])  # some further attempts, none of which may count
        assert not cluster.primaries() and member.running()
    assert cluster.wait_for_leader(60) is member, "once the port is free nobody has to help"
    member.query("CREATE TABLE it_works ()")
    assert member.system_identifier() == identifier


def test_a_wrong_replication_password_is_told_and_mended_by_a_reload(new_cluster):
    cluster = new_cluster(members=("m1", "m2")).start_store()
    first, second = cluster["m1"], cluster["m2"]
    first.start()
    cluster.wait_for_leader(40)
    right = second.configuration["postgresql"]["authentication"]["replication"]["password"]
    second.write_configuration(postgresql={"authentication": {"replication": {"password": "wrong"}}})
    second.start()
    second.wait_for_log("password authentication failed", 30)
    assert second.running()
    second.write_configuration(postgresql={"authentication": {"replication": {"password": right}}})
    second.reload()
    cluster.wait_for_streaming(60, names=["m2"])


def test_wrong_postgresql_binaries_are_named(new_cluster):
    cluster = new_cluster(members=("m1",), overrides={"postgresql": {"bin_dir": "/nonexistent/bin"}}).start_store()
    member = cluster["m1"].start()
    member.wait_for_log("/nonexistent/bin", 20)
    assert not cluster.primaries()


def test_a_data_directory_that_cannot_be_written_is_named(new_cluster):
    cluster = new_cluster(members=("m1",)).start_store()
    member = cluster["m1"]
    parent = member.directory / "closed"
    parent.mkdir()
    give(parent)
    parent.chmod(0o500)
    member.data = parent / "data"
    member.write_configuration(postgresql={"data_dir": str(member.data)})
    try:
        member.start()
        member.wait_for_log(f"{member.data}.*Permission denied|Permission denied.*{member.data}", 20)
        assert not cluster.primaries()
    finally:
        parent.chmod(0o700)


def test_a_leader_key_deleted_by_hand_is_noticed_at_once(new_cluster):
    """With a cycle of ten seconds, so that whoever only polled would be late most of the time; and three times."""
    cluster = new_cluster(dcs=DEFAULT).start()
    with Writer(cluster) as writer:
        wait_until("rows before the fault", lambda: len(writer.acks) > 20, 10)
        for _ in range(3):
            cluster.wait_for_streaming(60)
            deleted = time.time()
            assert cluster.etcd.delete(cluster.key("leader"))
            again = wait_until("a leader key again", lambda: cluster.observer.of("/leader", "put", after=deleted), 25)[0]
            assert again.when - deleted < 1, "noticed by the watch, not by the next renewal"
        acks = assert_all_is_well(cluster, writer)
        assert_nothing_lost(cluster, acks)


def test_a_leader_key_of_a_stranger_ends_the_primary_at_once(cluster, writer):
    """Somebody rewrote the key: a definite loss does not wait for any deadline."""
    primary = cluster.wait_for_leader()
    wait_until("rows before the fault", lambda: len(writer.acks) > 20, 10)
    replaced = time.time()
    cluster.etcd.put(cluster.key("leader"), "stranger")
    wait_until("no writes on the old primary", lambda: primary.status("/primary") == 503, 5)
    time.sleep(1)  # a row acknowledged after the answer would be on record by then
    last = max(a.acked for a in writer.on(primary))
    assert last - replaced < 2
    cluster.etcd.delete(cluster.key("leader"))
    cluster.wait_for_leader(40)
    assert_all_is_well(cluster, writer)


def test_broken_json_in_any_key_is_survived_and_told_once(new_cluster):
    cluster = new_cluster(members=("m1", "m2")).start()
    primary = cluster.wait_for_leader()
    for key in ("config", "status", "sync", "failover", "history", "failsafe", "members/m1", "members/m2", "initialize"):
        before = {m.name: len(m.log()) for m in cluster}
        # Of /failover only a document of the wrong kind is broken: other text is the form of ancient versions.
        cluster.etcd.put(cluster.key(key), '["broken"]' if key == "failover" else '{"broken": [')
        time.sleep(2 * FAST["loop_wait"] + 0.5)  # each member has decided on it several times
        assert all(m.running() for m in cluster), key
        assert cluster.wait_for_leader(5) is primary, key
        primary.query(f"CREATE TABLE \"still writable with {key}\" ()")
        told = {m.name: m.log()[before[m.name]:].count(f"cannot read /{key} ") for m in cluster}
        # /initialize is no JSON: whatever stands there is an identifier. What its owner writes anew at once, such as the
        # primary /config, others may never have seen.
        assert max(told.values()) == (0 if key == "initialize" else 1), f"{key}: told once, not in each cycle: {told}"


def test_a_second_daemon_of_the_same_name_refuses_to_start(new_cluster):
    cluster = new_cluster(members=("m1", "m2")).start_store()
    first, twin = cluster["m1"], cluster["m2"]
    first.start()
    cluster.wait_for_leader(40)
    twin.write_configuration(name="m1")
    twin.start()
    assert twin.wait(20) == 1
    twin.wait_for_log("Can't start; there is already a node named 'm1' running", 1)


def test_a_stopped_postgresql_hangs_neither_checks_nor_shutdown(cluster):
    """SIGSTOP for the postmaster of a replica: REST answers as quick as ever."""
    replica = cluster.replicas()[0]
    stopped = replica.kill_postmaster(signal.SIGSTOP)
    try:
        for _ in range(20):
            began = time.time()
            assert replica.status("/patroni") == 200
            assert time.time() - began < 0.5
    finally:
        send(stopped, signal.SIGCONT)
    cluster.wait_for_streaming(30)


def test_a_full_disk_during_the_clone_is_told_and_mended(new_cluster, tmp_path):
    if account() is None:
        pytest.skip("a small file system for the data directory needs root: run scripts/test as root, or with sudo")
    cluster = new_cluster(members=("m1", "m2")).start_store()
    first, second = cluster["m1"], cluster["m2"]
    first.start()
    cluster.wait_for_leader(40)
    small = second.directory / "small"
    small.mkdir()
    who = account()
    options = f"size=12m,uid={who.pw_uid},gid={who.pw_gid},mode=700"
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", small], capture_output=True, text=True)
    if mounted.returncode != 0:
        pytest.skip(f"a small file system cannot be mounted here: {mounted.stderr.strip()}")
    try:
        second.data = small / "data"
        second.write_configuration(postgresql={"data_dir": str(second.data)})
        second.start()
        second.wait_for_log("No space left on device", 40)
        assert second.running()
        subprocess.run(["mount", "-o", "remount,size=600m", small], check=True)
        cluster.wait_for_streaming(60, names=["m2"])
        second.kill_everything()
    finally:
        second.clean_up()
        subprocess.run(["umount", "-l", small], check=True)


def test_a_free_port_is_not_taken_by_another_member(new_cluster):
    """Two members on one PostgreSQL port: the second says so and takes nothing from the first."""
    cluster = new_cluster(members=("m1", "m2")).start_store()
    first, second = cluster["m1"], cluster["m2"]
    first.start()
    cluster.wait_for_leader(40)
    address = f"{second.host}:{first.port}"
    second.write_configuration(postgresql={"listen": address, "connect_address": address})
    second.start()
    second.wait_for_log("could not bind|Address already in use", 40)
    assert cluster.wait_for_leader() is first
    first.query("CREATE TABLE still_writable ()")
