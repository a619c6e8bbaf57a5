"""From the first moment of a daemon to its last, whatever may commit has somebody who stops it in time: an unreadable file
on the leader, a slow start, an exit, a promotion that outlives its daemon."""
import http.server
import json
import os
import threading
import time

from harness.checker import assert_one_primary_at_a_time
from harness.member import merge
from harness.processes import POSTGRES_BIN, give, wait_until
from harness.writer import Writer


def test_a_leader_whose_data_directory_cannot_be_recognised_keeps_its_key(new_cluster):
    cluster = new_cluster(members=("m1", "m2")).start()
    leader = cluster.wait_for_leader()
    hidden = leader.directory / "PG_VERSION"
    with Writer(cluster) as writer:
        after = len(leader.log())
        os.rename(leader.data / "PG_VERSION", hidden)
        leader.wait_for_log("is not empty, but holds no", 10, after=after)
        time.sleep(2 * cluster.dcs["loop_wait"])  # some more cycles have seen it
        assert cluster.leader_key() == leader.name
        assert leader.status("/primary") == 200
        os.rename(hidden, leader.data / "PG_VERSION")
        acks = writer.stop()
    assert_one_primary_at_a_time(acks)
    assert {a.member for a in acks} == {leader.name}
    assert cluster.wait_for_leader() is leader


def slow_to_tell_its_version(cluster, seconds):
    """A directory of programs whose postgres takes long to say its version while the file `slow` is there."""
    programs = cluster.directory / "programs"
    programs.mkdir()
    for program in POSTGRES_BIN.iterdir():
        if program.name != "postgres":
            (programs / program.name).symlink_to(program)
    postgres = programs / "postgres"
    postgres.write_text(f"""#!/bin/sh
[ "$1" = --version ] && [ -e {programs}/slow ] && sleep {seconds}
exec {POSTGRES_BIN}/postgres "$@"
""")
    postgres.chmod(0o755)
    give(programs)
    return programs


def test_a_daemon_that_starts_slowly_keeps_the_lease_of_the_primary_it_finds(new_cluster):
    cluster = new_cluster(members=("m1", "m2")).start()
    leader = cluster.wait_for_leader()
    programs = slow_to_tell_its_version(cluster, 12)
    with Writer(cluster) as writer:
        postmaster = leader.postmaster()
        leader.kill()
        (programs / "slow").touch()
        time.sleep(cluster.dcs["ttl"] - 7)  # less of the lease is left than the start takes
        leader.configuration = merge(leader.configuration, {"postgresql": {"bin_dir": str(programs)}})
        leader.start()
        time.sleep(12)  # as long as the program takes to tell its version
        wait_until("the daemon to serve", lambda: leader.status("/primary") == 200, 20)
        acks = writer.stop()
    assert_one_primary_at_a_time(acks)
    assert leader.postmaster() == postmaster, "it went on with the lease that was proven at once"
    assert cluster.leader_key() == leader.name


def test_a_primary_of_another_cluster_is_stopped_before_its_daemon_ends(new_cluster):
    cluster = new_cluster(members=("m1",)).start()
    leader = cluster.wait_for_leader()
    cluster.etcd.put(cluster.key("initialize"), "7000000000000000009")
    assert leader.wait(30) == 1
    assert not leader.postmaster()
    leader.wait_for_log("belongs to a different cluster", 5)


class Namesake(http.server.BaseHTTPRequestHandler):
    """The REST API of another member of that name."""
    about = {}

    def do_GET(self):
        body = json.dumps({"state": "running", "role": "replica", "patroni": self.about}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def test_a_daemon_whose_name_is_taken_leaves_no_primary_behind(new_cluster):
    """The data directory is its own, so nobody else watches what runs there."""
    cluster = new_cluster(members=("m1",)).start()
    leader = cluster.wait_for_leader()
    leader.kill()
    Namesake.about = {"version": "4.1.4", "scope": cluster.scope, "name": leader.name}
    with http.server.HTTPServer(("127.0.0.1", 0), Namesake) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        value = json.loads(cluster.etcd.get(cluster.key("members/" + leader.name)))
        value["api_url"] = f"http://127.0.0.1:{server.server_port}/patroni"
        cluster.etcd.put(cluster.key("members/" + leader.name), json.dumps(value))
        leader.start()
        assert leader.wait(30) == 1
        leader.wait_for_log("there is already a node named", 5)
        assert not leader.postmaster()
        server.shutdown()


def test_a_second_daemon_on_a_data_directory_ends_and_touches_nothing(new_cluster):
    cluster = new_cluster(members=("m1",)).start()
    leader = cluster.wait_for_leader()
    postmaster, first = leader.postmaster(), leader.process
    after = len(leader.log())
    leader.process = None
    leader.start()
    second, leader.process = leader.process, first
    assert second.wait(20) == 1
    leader.wait_for_log("another Tanist daemon .* data directory", 5, after=after)
    assert leader.postmaster() == postmaster
    assert cluster.wait_for_leader() is leader


def test_a_promotion_that_outlives_its_daemon_is_stopped_at_the_end_of_the_lease(new_cluster):
    """It looks like a standby for as long as the archive hangs, and becomes a primary afterwards."""
    cluster = new_cluster(members=("m1", "m2"))
    hang = cluster.directory / "hang"
    restore = f"sh -c 'while [ -e {hang} ]; do sleep 0.1; done; exit 1'"
    for member in cluster:
        member.write_configuration(postgresql={"recovery_conf": {"restore_command": restore}})
    cluster.start()
    leader, other = cluster.wait_for_leader(), cluster.replicas()[0]
    hang.touch()
    after = len(other.log())
    leader.kill_everything()
    other.wait_for_log("promoted self to leader", 2 * cluster.dcs["ttl"], after=after)
    wait_until("the note of the promotion", lambda: (other.directory / "data.tanist/promoting").exists(), 10)
    time.sleep(0.5)  # PostgreSQL takes the trigger
    other.kill()
    cluster.etcd.kill()
    assert other.postmaster()
    other.start()
    other.wait_for_log("was told to promote itself by an earlier daemon", 10)
    wait_until("the promotion to be stopped", lambda: not other.postmaster(), cluster.dcs["ttl"])
    hang.unlink()
    time.sleep(1)  # what the archive held up would go on now
    assert not other.postmaster()
    cluster.etcd.start()
    assert cluster.wait_for_leader(40) is other
