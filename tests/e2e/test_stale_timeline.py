"""A former primary that could not be rewound has more WAL than anybody, of a timeline that the cluster has left: it never
leads again by itself, and holds nobody back who has what was acknowledged since."""
import pytest

from harness.member import FAST
from harness.ports import free_port
from harness.processes import spawn, wait_until

ROWS = 200


def write_alone(member):
    """PostgreSQL of a member whose daemon is gone writes some 400 kB that nobody else will ever have."""
    def run(program, *arguments):
        log = member.directory / "by-hand.log"
        done = spawn([member.postgres_bin / program, *arguments], log, cwd=member.directory).wait(30)
        assert done == 0, f"{program}: {log.read_text()}"

    port = free_port()
    run("pg_ctl", "start", "-w", "-D", member.data, "-l", member.directory / "alone.log", "-o", f"-c port={port}")
    run("psql", "-qX", "-h", member.directory, "-p", port, "-U", "postgres", "-d", "postgres",
        "-c", "CREATE TABLE lost AS SELECT repeat('x', 400) FROM generate_series(1, 1000)")
    run("pg_ctl", "stop", "-w", "-m", "fast", "-D", member.data)


def status(member):
    return member.rest("/patroni")[1]


def position(member):
    wal = status(member)["xlog"]
    return wal.get("location") or max(wal["received_location"] or 0, wal["replayed_location"] or 0)


@pytest.mark.parametrize("check_timeline", [False, True])
def test_a_stale_timeline_never_wins_the_race(new_cluster, check_timeline):
    allowed = {"use_pg_rewind": False, "remove_data_directory_on_rewind_failure": False,
               "remove_data_directory_on_diverged_timelines": False}
    cluster = new_cluster(dcs={**FAST, "check_timeline": check_timeline},
                          overrides={"bootstrap": {"dcs": {"postgresql": allowed}}, "postgresql": allowed})
    cluster.start()
    stale = cluster.wait_for_leader()
    stale.query("CREATE TABLE rows (x int)")
    cluster.wait_for_replay()
    stale.kill_everything()
    cluster.etcd.delete(cluster.key("leader"))
    second = cluster.wait_for_leader(20, other_than=stale)
    third = next(m for m in cluster if m not in (stale, second))
    cluster.wait_for_streaming(20, names=[third.name])

    write_alone(stale)
    stale.start()
    wait_until(f"{stale.name} to run as a replica", lambda: stale.status("/replica") == 200, 20)
    assert status(stale)["timeline"] == 1
    for x in range(ROWS):
        second.query("INSERT INTO rows VALUES (%s)", x)
    wait_until("the other replica to have them", lambda: third.value("SELECT count(*) FROM rows") == ROWS, 10)
    assert status(third)["timeline"] == 2
    assert position(stale) > position(third), "as the peer compares them the stale member is ahead"

    second.kill_everything()
    cluster.etcd.delete(cluster.key("leader"))
    assert cluster.wait_for_leader(15, other_than=second) is third
    assert third.value("SELECT count(*) FROM rows") == ROWS, "nothing that was acknowledged is lost"
    named = [e.value for e in cluster.observer.of("/leader", "put")]
    assert [name for i, name in enumerate(named) if i == 0 or named[i - 1] != name] == \
        [stale.name, second.name, third.name], "the stale member never held the key again"
    assert f"the WAL of {stale.name}, on timeline 1, has left that of the cluster" in third.log()
    stale.wait_for_log("not taking part in the leader race: the WAL of this member, on timeline 1, has left that of the "
                       "last leader, on timeline 2", 5)
