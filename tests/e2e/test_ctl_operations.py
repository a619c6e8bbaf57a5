"""What tanistctl has real members do: restart, pause and resume, flush, query; what it tells of them."""
import datetime
import json
import re
import socket
import subprocess
import time

import pytest
import yaml

from harness.dialogue import Dialogue
from harness.member import SUPERUSER, SUPERUSER_PASSWORD, merge, tanistctl
from harness.processes import REPOSITORY, account, give, wait_until

pytestmark = pytest.mark.xdist_group("ctl_operations")  # one cluster, one worker


def ctl(cluster, *arguments, **options):
    return tanistctl(cluster["m1"], *arguments, timeout=90, **options)


def ctl_typing(cluster, text, *arguments):
    m1, who = cluster["m1"], account()
    drop = {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []} if who else {}
    return subprocess.run([m1.bin_dir / "tanistctl", "-c", str(m1.config_file), *arguments], input=text, text=True,
                          capture_output=True, timeout=60, cwd=m1.directory, **drop)


def test_restart_by_role_and_name(shared):
    primary = shared.wait_for_leader()
    before = {member.name: member.postmaster() for member in shared}
    done = ctl(shared, "restart", shared.scope, "-r", "replica", "--force")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-2:] == [f"Success: restart on member {member.name}" for member in shared.replicas()]
    assert primary.postmaster() == before[primary.name]
    assert all(member.postmaster() not in (None, before[member.name]) for member in shared.replicas())
    done = ctl(shared, "restart", shared.scope, primary.name, "--force", "--pg-version", "9.3.1")
    assert done.returncode == 0
    assert done.stdout.endswith(f"Failed: restart for member {primary.name}, status code=503, "
                                "(restart conditions are not satisfied)\n")
    shared.wait_for_streaming(20)


def test_a_restart_is_scheduled_replaced_and_flushed(shared):
    replica = shared.replicas()[0]

    def planned():
        return json.loads(shared.etcd.get(shared.key(f"members/{replica.name}"))).get("scheduled_restart")

    today = datetime.date.today()
    first, second = (f"{today + datetime.timedelta(days=days)}T10:00Z" for days in (300, 400))
    arguments = ("restart", shared.scope, replica.name, "--force", "--scheduled")
    assert f"Success: restart scheduled on member {replica.name}\n" in ctl(shared, *arguments, first).stdout
    wait_until("the member key", planned, 5)
    assert first[:16] in ctl(shared, "list").stdout
    # --force takes back what was planned before.
    assert f"Success: restart scheduled on member {replica.name}\n" in ctl(shared, *arguments, second).stdout
    wait_until("the new time", lambda: planned()["schedule"][:16] == second[:16], 5)
    done = ctl(shared, "flush", shared.scope, "restart", "--force")
    assert f"Success: flush scheduled restart for member {replica.name}\n" in done.stdout
    assert done.stdout.count("No scheduled restart for member ") == 2
    wait_until("nothing planned", lambda: not planned(), 5)


def test_pause_and_resume_wait_for_every_member(shared):
    done = ctl(shared, "pause", "--wait")
    assert done.stdout == ("'pause' request sent, waiting until it is recognized by all nodes\n"
                           "Success: cluster management is paused\n"), done
    assert all(json.loads(value).get("pause") for key, value in shared.etcd.keys(shared.key("members/")).items())
    assert " Maintenance mode: on\n" in ctl(shared, "list").stdout
    done = ctl(shared, "pause")
    assert (done.returncode, done.stderr) == (1, "Error: Cluster is already paused\n")
    done = ctl(shared, "restart", shared.scope, "--force", "--scheduled", "2131-01-01T10:00")
    assert (done.returncode, done.stderr) == (1, "Error: Can't schedule restart in the paused state\n")
    done = ctl(shared, "resume", "--wait")
    assert done.stdout.endswith("\nSuccess: cluster management is resumed\n"), done
    assert "pause" not in json.loads(shared.etcd.get(shared.key("config")))
    shared.wait_for_streaming(20)


def test_dsn_and_version(shared):
    primary = shared.wait_for_leader()
    assert ctl(shared, "dsn").stdout == f"host={primary.host} port={primary.port}\n"
    replica = shared.replicas()[0]
    assert ctl(shared, "dsn", "-m", replica.name).stdout == f"host={replica.host} port={replica.port}\n"
    lines = ctl(shared, "version", shared.scope).stdout.splitlines()
    assert lines[1] == "" and [line.split(":")[0] for line in lines[2:]] == ["m1", "m2", "m3"]
    assert all(re.search(r": Patroni \d+\.\d+\.\d+ PostgreSQL \d+\.\d+ Tanist ", line) for line in lines[2:])


def test_doctor_finds_what_is_unwise_and_what_is_wrong(shared):
    def doctor(code):
        done = ctl(shared, "doctor", "-f", "json")
        return json.loads(done.stdout) if done.returncode == code else None

    # All members of a test stand on one host.
    shared.wait_for_streaming(30)
    wait_until("that, and nothing else", lambda: [(row["Check"], row["Grade"]) for row in doctor(5) or []
                                                  if row["Grade"] != "note"] == [("hosts", "warning")], 20)
    text = ctl(shared, "doctor").stdout
    assert "\nok       leader: one member leads, and runs\n" in text and "PostgreSQL itself was not asked" not in text
    replica = shared.replicas()[0]
    replica.kill()
    rows = doctor(6)
    assert [(row["Check"], row["About"]) for row in rows if row["Grade"] == "error"] == [("api", replica.name)], rows
    replica.start()
    shared.wait_for_streaming(30)


def test_doctor_finds_who_is_let_in_and_what_pg_rewind_may_not_do(shared):
    primary, replica = shared.wait_for_leader(), shared.replicas()[0]
    disk = replica.rest("/patroni")[1]["tanist_disk"]
    assert 0 < disk["free_bytes"] <= disk["size_bytes"]
    rules = replica.configuration["postgresql"]["pg_hba"]
    replica.write_configuration(postgresql={"pg_hba": [*rules, "host all all 10.0.0.0/8 trust"]})
    replica.reload()
    primary.query("CREATE ROLE rewinder LOGIN")
    config = shared.directory / "doctor.yml"
    config.write_text(yaml.safe_dump(merge(shared["m1"].configuration, {"postgresql": {
        "authentication": {"rewind": {"username": "rewinder"}}}})))
    give(config)

    def rows(check):
        done = subprocess.run([shared["m1"].bin_dir / "tanistctl", "-c", config, "doctor", "-f", "json"], text=True,
                              capture_output=True, timeout=60)
        return [row for row in json.loads(done.stdout) if row["Check"] == check and row["Grade"] == "error"]

    try:
        found = wait_until("the rule", lambda: rows("access"), 10)
        assert [row["About"] for row in found] == [replica.name]
        assert re.search(r"without a password: line \d+: host all all 10\.0\.0\.0 255\.0\.0\.0 trust$", found[0]["Finding"])
        [lacking] = rows("rewind")
        assert lacking["About"] == primary.name
        assert "the role rewinder of pg_rewind may not call pg_ls_dir(text,boolean,boolean), " in lacking["Finding"]
        # What it advises is what it takes.
        primary.query(lacking["Advice"])
        assert rows("rewind") == []
    finally:
        primary.query("DROP OWNED BY rewinder")
        primary.query("DROP ROLE rewinder")
        replica.write_configuration(postgresql={"pg_hba": rules})
        replica.reload()
    assert [row["Finding"] for row in rows("rewind")] == ["there is no role rewinder, which pg_rewind is to connect as"]


def test_doctor_is_not_held_up_by_members_that_are_dead(shared):
    """Addresses where nothing comes back: a listener that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as silent:
        port = silent.getsockname()[1]
        for i in range(6):
            shared.etcd.put(shared.key(f"members/dead{i}"), json.dumps({
                "conn_url": f"postgres://127.0.0.1:{port}/postgres", "api_url": f"http://127.0.0.1:{port}/patroni",
                "state": "running", "role": "replica", "version": "4.1.4", "timeline": 1}))
        try:
            begun = time.monotonic()
            done = ctl(shared, "doctor", "-f", "json")
            assert time.monotonic() - begun < 18, "six at a time take as long as one"
            silent_ones = [row["About"] for row in json.loads(done.stdout) if row["Check"] == "api"]
            assert done.returncode == 6 and silent_ones == [f"dead{i}" for i in range(6)]
        finally:
            for i in range(6):
                shared.etcd.delete(shared.key(f"members/dead{i}"))


@pytest.fixture
def password(monkeypatch):
    monkeypatch.setenv("PGPASSWORD", SUPERUSER_PASSWORD)
    return ["-U", SUPERUSER, "-d", "postgres"]


def test_query_asks_a_member(shared, password):
    sql = "SELECT 1 AS n, true AS yes, NULL AS none, 'a b' AS t, timestamptz '2031-01-01 10:00+00' AS at"
    done = ctl(shared, "query", *password, "-c", "SET timezone = 'UTC'; " + sql)
    assert done.stdout == "n\tyes\tnone\tt\tat\n1\tTrue\tNone\ta b\t2031-01-01 10:00:00+00:00\n", done
    done = ctl(shared, "query", *password, "-r", "replica", "-c", "SELECT pg_is_in_recovery() AS r", "--format", "json")
    assert json.loads(done.stdout) == [{"r": True}]
    done = ctl(shared, "query", *password, "-c", "SELECT * FROM nothing_of_this_name")
    assert done.returncode == 0
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\tERROR, SQLSTATE: 42P01\n", done.stdout)
    assert 'relation "nothing_of_this_name" does not exist' in done.stderr
    done = ctl(shared, "query", *password, "-c", "CREATE TEMPORARY TABLE t (i int)")
    assert done.stdout.endswith("\tERROR, SQLSTATE: no results to fetch\n")
    done = ctl(shared, "query", *password, "-c", "COPY (SELECT 1) TO STDOUT")
    assert "COPY to or from the client is not possible here" in done.stdout
    done = ctl(shared, "query", *password, "-m", "nobody", "-c", "SELECT 1")
    assert done.stdout.endswith("\tNo connection to member nobody is available\n")


def test_query_asks_for_a_password_and_does_not_show_it(shared):
    m1 = shared["m1"]
    who = account()
    command = [m1.bin_dir / "tanistctl", "-c", m1.config_file, "query", "-U", SUPERUSER, "-d", "postgres", "--password",
               "-c", "SELECT 7 AS seven"]
    drop = {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []} if who else {}
    with Dialogue(command, cwd=m1.directory, drop=drop, echo=True) as dialogue:
        dialogue.answer("Password: ", SUPERUSER_PASSWORD, shown=False)
        assert dialogue.end() == 0
        assert dialogue.text == "Password: \nseven\n7\n"


def test_completion_knows_clusters_and_members(shared):
    m1 = shared["m1"]
    script = (f"source {REPOSITORY}/packaging/completion/tanistctl.bash\n"
              'complete_line() { COMP_LINE=$1 COMP_POINT=${#1} COMP_CWORD=1 COMP_WORDS=(x y); _tanistctl;'
              ' echo "${COMPREPLY[*]}"; }\n'
              f'tool="{m1.bin_dir}/tanistctl -c {m1.config_file}"\n'
              'complete_line "$tool restart "\n'
              f'complete_line "$tool restart {shared.scope} "\n'
              f'complete_line "$tool restart -r replica {shared.scope} m2 m"\n'
              f'complete_line "$tool flush {shared.scope} m1 sw"\n'
              'complete_line "$tool switchover --candidate "\n'
              'complete_line "$tool restart --pe"\n'
              f'complete_line "{m1.bin_dir}/tanistctl -d etcd3://{shared.etcd.endpoints[0]} reload {shared.scope} m3"\n')
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=30)
    assert done.stdout.splitlines() == [shared.scope, "m1 m2 m3", "m1 m2 m3", "switchover", "m1 m2 m3", "--pending",
                                        "m3"], done


def test_removed_under_running_members_the_primary_writes_everything_again(shared):
    """ha.md §3: it finds itself fit, takes the lock back, and its keys rebuild the cluster; nobody else is promoted."""
    primary = shared.wait_for_leader()
    before = {key: shared.etcd.get(shared.key(key)) for key in ("initialize", "config")}
    started = primary.postmaster()
    timeline = primary.value("SELECT timeline_id FROM pg_control_checkpoint()")
    done = ctl_typing(shared, f"{shared.scope}\nYes I am aware\n{primary.name}\n", "remove", shared.scope)
    assert done.returncode == 0, done.stderr
    assert "members still run: m1, m2, m3" in done.stderr

    def rebuilt():
        return (all(shared.etcd.get(shared.key(key)) for key in ("initialize", "config", "leader"))
                and len(shared.etcd.keys(shared.key("members/"))) == 3)

    wait_until("the keys", rebuilt, 30)
    assert shared.etcd.get(shared.key("leader")) == primary.name
    assert shared.etcd.get(shared.key("initialize")) == before["initialize"]
    assert json.loads(shared.etcd.get(shared.key("config"))) == json.loads(before["config"])
    shared.wait_for_streaming(30)
    assert primary.postmaster() == started
    assert primary.value("SELECT timeline_id FROM pg_control_checkpoint()") == timeline
