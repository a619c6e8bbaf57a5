"""A cluster from a backup: a script brings the data back, recovery ends where it was told to, and the rest is as ever."""
import json
import shutil
import subprocess
import time

import pytest

from harness.member import SUPERUSER
from harness.ports import free_port
from harness.processes import POSTGRES_BIN, account, give, kill_all_of, wait_until


def as_postgres(*command, **options):
    who = account()
    drop = {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []} if who else {}
    return subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True, **drop, **options)


def write_script(directory, name, body):
    path = directory / name
    path.write_text('#!/bin/sh\nfor a in "$@"; do case $a in --datadir=*) d=${a#*=};; esac; done\n'
                    f'echo "$@" >> {directory}/{name}.args\n{body}\n')
    path.chmod(0o755)
    give(path)
    return path


@pytest.fixture
def backup(new_cluster):
    """An old cluster's base backup and archive, with a row before and a row after the point `good`."""
    cluster = new_cluster(members=("m1", "m2"))
    place = cluster.directory
    source, port = place / "source", free_port()
    as_postgres(POSTGRES_BIN / "initdb", "-N", "-U", SUPERUSER, "-A", "trust", "-D", source)
    settings = source / "postgresql.conf"
    settings.write_text(settings.read_text() + (
        f"port = {port}\nlisten_addresses = ''\nunix_socket_directories = '{place}'\nfsync = off\narchive_mode = on\n"
        f"archive_command = 'cp %p {place}/archive/%f'\nshared_buffers = '16MB'\nmax_connections = 200\n"))
    (place / "archive").mkdir()
    give(place / "archive")
    try:
        as_postgres(POSTGRES_BIN / "pg_ctl", "-D", source, "-l", place / "source.log", "-w", "start")

        def sql(text):
            as_postgres(POSTGRES_BIN / "psql", "-h", place, "-p", port, "-U", SUPERUSER, "-d", "postgres", "-c", text)

        as_postgres(POSTGRES_BIN / "pg_basebackup", "-h", place, "-p", port, "-U", SUPERUSER, "-c", "fast", "-X", "none",
                    "-D", place / "backup")
        sql("CREATE TABLE events AS SELECT 'before' AS what")
        sql("SELECT pg_create_restore_point('good')")
        sql("INSERT INTO events VALUES ('after')")
        sql(f"ALTER ROLE {SUPERUSER} PASSWORD 'an old one'")
        sql("SELECT pg_switch_wal()")
    finally:
        as_postgres(POSTGRES_BIN / "pg_ctl", "-D", source, "-m", "fast", "-w", "stop")
        kill_all_of(source)
    shutil.rmtree(source)
    return cluster


def bootstrap_by(script, **keys):
    return {"method": "restore", "restore": {"command": str(script), **keys}}


def test_a_backup_is_restored_to_a_point_in_time_and_becomes_a_cluster(backup):
    cluster = backup
    place, first = cluster.directory, cluster["m1"]
    restore = write_script(place, "restore", f"sleep 0.5; echo copying; cp -a {place}/backup $d && chmod 700 $d; "
                                             "echo \"port = '1'\" > $d/postgresql.auto.conf; touch $d/promote")
    done = write_script(place, "done", f'psql "$1" -Atc "SELECT usename FROM pg_user ORDER BY 1" > {place}/users')
    first.configuration["bootstrap"].update(
        post_bootstrap=f"{done}", users={"somebody": {"password": "x"}},
        **bootstrap_by(restore, stanza="main", recovery_conf={
            "restore_command": f"cp {place}/archive/%f %p", "recovery_target_name": "good",
            "recovery_target_action": "promote", "recovery_target_timeline": "latest"}))
    cluster.start_store()
    first.start()
    wait_until("the script's state", lambda: first.rest("/patroni")[1]["state"] == "running custom bootstrap script", 10)
    assert cluster.wait_for_leader(30) is first
    assert (place / "restore.args").read_text() == f"--scope={cluster.scope} --datadir={first.data} --stanza=main\n"
    assert first.query("SELECT what FROM events") == [("before",)]  # with the password of the configuration
    assert first.value("SELECT timeline_id FROM pg_control_checkpoint()") == 2
    assert (place / "users").read_text().split() == [SUPERUSER]  # the script came before the other users
    assert first.value("SELECT count(*) FROM pg_roles WHERE rolname = 'replicator'") == 1
    # Nobody is trusted any more that the configuration does not trust, and nothing points to the archive.
    hba = (first.data / "pg_hba.conf").read_text().split("\n", 2)[2].strip()
    assert hba == "\n".join(first.configuration["postgresql"]["pg_hba"])
    assert "recovery_target" not in (first.data / "postgresql.conf").read_text()
    assert not (first.data / "recovery.signal").exists() and not (first.data / "promote").exists()
    assert cluster.etcd.get(cluster.key("initialize")) == first.system_identifier()
    log = first.log()
    assert "restore: copying" in log
    assert "waiting for end of recovery after bootstrap" in log
    assert 'Please use "bootstrap.post_bootstrap" script to create users.' in log
    assert "an old one" not in log and "super-secret" not in log
    states = {json.loads(e.value)["state"] for e in cluster.observer.events
              if e.key == cluster.key("members/m1") and e.value}
    assert "running custom bootstrap script" in states
    cluster["m2"].start()
    cluster.wait_for_streaming(30)


@pytest.mark.needs_postgresql(14)
def test_recovery_that_pauses_at_its_target_waits_for_the_operator(backup):
    cluster = backup
    place, member = cluster.directory, cluster["m1"]
    restore = write_script(place, "restore", f"cp -a {place}/backup $d")
    member.configuration["bootstrap"].update(**bootstrap_by(restore, recovery_conf={
        "restore_command": f"cp {place}/archive/%f %p", "recovery_target_name": "good"}))
    cluster.start_store()
    member.start()
    socket = {"host": str(member.directory), "password": None}
    wait_until("the pause", lambda: "recovery stopping at restore point" in member.log(), 20)
    member.wait_for_log("waiting for end of recovery after bootstrap")
    time.sleep(1.5)  # longer than the monitor needs to see that replay is paused
    with member.connect(**socket) as connection:
        assert connection.execute("SELECT pg_is_in_recovery(), pg_get_wal_replay_pause_state()").fetchone() == (True, "paused")
        assert cluster.leader_key() is None
        connection.execute("SELECT pg_wal_replay_resume()")
    assert cluster.wait_for_leader(20) is member
    assert member.query("SELECT what FROM events") == [("before",)]
    # The old cluster had more connections than this one is configured with: recovery needed as many.
    assert member.value("SHOW max_connections") == "100"


def test_a_script_that_fails_leaves_the_way_free_and_its_words_in_the_log(new_cluster):
    cluster = new_cluster(members=("m1",)).start_store()
    member, place = cluster["m1"], cluster.directory
    restore = write_script(place, "restore", "mkdir -p $d; echo 15 > $d/PG_VERSION; echo the backup is empty >&2; exit 3")
    member.configuration["bootstrap"].update(**bootstrap_by(restore))
    member.start()
    assert member.wait(20) == 1
    log = member.log()
    assert "the backup is empty" in log and "Failed to bootstrap cluster" in log
    assert "removing initialize key after failed attempt to bootstrap the cluster" in log
    assert cluster.etcd.get(cluster.key("initialize")) is None
    assert not member.data.exists() and (place / "m1/data.failed/PG_VERSION").exists()


@pytest.mark.parametrize("where", ["restore", "done"])
def test_a_daemon_killed_while_a_script_hangs_starts_over(new_cluster, where):
    """The script that nobody waits for any more is ended: it does not write into the second attempt."""
    cluster = new_cluster(members=("m1",)).start_store()
    member, place = cluster["m1"], cluster.directory
    hang = f"test -e {place}/calm || while :; do echo $$ > {place}/{where}.pid; touch {member.data}/touched; sleep 0.05; done"
    restore = write_script(place, "restore", "%s\n%s/initdb -N -U %s -D $d" % (
        hang if where == "restore" else "", POSTGRES_BIN, SUPERUSER))
    done = write_script(place, "done", hang if where == "done" else "exit 0")
    member.configuration["bootstrap"].update(post_bootstrap=str(done), **bootstrap_by(restore))
    member.data.mkdir(mode=0o700)
    give(member.data)
    member.start()
    wait_until("the script to hang", lambda: (place / f"{where}.pid").exists(), 20)
    member.kill()
    (place / "calm").touch()
    member.start()
    assert cluster.wait_for_leader(30) is member
    assert not (member.data / "touched").exists()
    assert "ending" in member.log()
