"""What an operator types and reads: the questions of tanistctl, on a terminal and through a pipe, and what the members
are asked then. The members are stand-ins that speak the REST API by the book, the store is a real one."""
import json
import re
import shutil
import subprocess

import pytest
import yaml

from harness.dialogue import Dialogue
from harness.etcd import Etcd
from harness.processes import account, binaries, give, reachable_binaries, temporary_directory
from harness.stand_in import StandIn

pytestmark = pytest.mark.xdist_group("ctl_dialogue")  # one store, one worker

IDENTIFIER = "7411111111111111111"


def dropped():
    who = account()
    return {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []} if who else {}


class Shop:
    """The keys of a cluster `shop`: pga leads, pgb streams, pgc may not lead."""

    def __init__(self, etcd, directory, bin_dir):
        self.etcd, self.directory, self.bin_dir = etcd, directory, bin_dir
        self.members = {}
        self.config_file = directory / "shop.yml"
        self.config_file.write_text(yaml.safe_dump({"scope": "shop", "etcd3": {"hosts": etcd.endpoints}}))
        give(self.config_file)
        self.put("initialize", IDENTIFIER)
        self.put("config", json.dumps({"ttl": 30, "loop_wait": 2}))
        self.put("leader", "pga")
        self.put("failover", "{}")
        self.put("status", json.dumps({"optime": 117440664}))
        for number, name in enumerate(("pga", "pgb", "pgc"), 11):
            self.members[name] = StandIn("shop", name, role="primary" if name == "pga" else "replica")
            self.put_member(name, number)
        self.put_member("pgc", 13, tags={"nofailover": True})

    def put(self, key, value):
        self.etcd.put(f"/service/shop/{key}", value)

    def get(self, key):
        return self.etcd.get(f"/service/shop/{key}")

    def put_member(self, name, number, **more):
        leads = self.get("leader") == name
        value = {"conn_url": f"postgres://10.1.0.{number}:5432/postgres", "api_url": self.members[name].api_url,
                 "state": "running", "role": "primary" if leads else "replica", "version": "4.1.4", "timeline": 4,
                 "xlog_location": 117440664, **more}
        if not leads:
            value.update(replication_state="streaming", receive_lsn=117440664, replay_lsn=117440664)
        self.put(f"members/{name}", json.dumps(value))

    def lead(self, name):
        self.put("leader", name)
        for number, each in enumerate(("pga", "pgb"), 11):
            self.put_member(each, number)

    def close(self):
        for member in self.members.values():
            member.close()
        for key in self.etcd.keys("/service/"):
            self.etcd.delete(key)

    def command(self, *arguments, program="tanistctl"):
        return [self.bin_dir / program, "-c", self.config_file, *arguments]

    def run(self, *arguments, stdin=None, **options):
        return subprocess.run([str(a) for a in self.command(*arguments, **options)], input=stdin or "", text=True,
                              capture_output=True, timeout=60, cwd=self.directory, **dropped())

    def dialogue(self, *arguments):
        return Dialogue(self.command(*arguments), cwd=self.directory, drop=dropped())


@pytest.fixture(scope="module")
def store():
    directory = temporary_directory()
    etcd = Etcd(directory / "etcd")
    try:
        etcd.start()
        bin_dir = reachable_binaries(directory)
        if bin_dir == binaries():  # the clone's own: nothing is put into it
            bin_dir = directory / "bin"
            bin_dir.mkdir()
            (bin_dir / "tanistctl").symlink_to(binaries() / "tanistctl")
        (bin_dir / "patronictl").symlink_to("tanistctl")
        yield etcd, directory, bin_dir
    finally:
        etcd.stop()
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def shop(store):
    made = Shop(*store)
    yield made
    made.close()


def without_tables(text):
    lines = []
    for line in text.splitlines():
        if line.startswith("+ Cluster"):
            lines.append("<table>")
        elif not line.startswith(("|", "+")):
            lines.append(re.sub(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{5} ", "<now> ", line))
    return lines


def test_a_switchover_is_agreed_on_question_by_question(shop):
    def switch(body):
        shop.lead(body["candidate"])
        return 200, f'Successfully switched over to "{body["candidate"]}"'

    shop.members["pga"].answers[("POST", "/switchover")] = switch
    with shop.dialogue("switchover") as dialogue:
        dialogue.answer("Primary [pga]: ", "")
        dialogue.answer("Candidate ['pgb'] []: ", "pgb")
        dialogue.answer(" )  [now]: ", "")
        dialogue.answer("Are you sure you want to switchover cluster shop, demoting current leader pga? [y/N]: ", "maybe")
        dialogue.answer("Error: invalid input\n"
                        "Are you sure you want to switchover cluster shop, demoting current leader pga? [y/N]: ", "Y")
        assert dialogue.end() == 0
        lines = without_tables(dialogue.text)
    assert lines[:2] == ["Current cluster topology", "<table>"]
    assert re.fullmatch(r"When should the switchover take place \(e\.g\. \d{4}-\d\d-\d\dT\d\d:\d\d \)  \[now\]: ", lines[4])
    assert lines[-2:] == ['<now> Successfully switched over to "pgb"', "<table>"]
    assert re.search(r"\| pgb +\| 10\.1\.0\.12 \| Leader ", dialogue.text.rpartition("+ Cluster")[2])
    assert shop.members["pga"].asked == [("POST", "/switchover", {"candidate": "pgb", "leader": "pga"})]


def test_the_same_answers_through_a_pipe(shop):
    shop.members["pga"].answers[("POST", "/switchover")] = (202, "Switchover scheduled")
    done = shop.run("switchover", "shop", stdin="pga\n\n2131-01-01T10:00+01:00\ny\n")
    assert done.returncode == 0, done.stderr
    assert shop.members["pga"].asked == [
        ("POST", "/switchover", {"candidate": "", "leader": "pga", "scheduled_at": "2131-01-01T10:00:00+01:00"})]
    for stdin in ("", "pga\n", "pga\npgb\nnow\n"):
        done = shop.run("switchover", stdin=stdin)
        assert done.returncode == 1 and done.stderr.endswith("Aborted!\n"), done
    done = shop.run("switchover", stdin="pga\npgb\nnow\nn\n")
    assert (done.returncode, done.stderr) == (1, "Error: Aborting switchover\n")
    assert len(shop.members["pga"].asked) == 1


def test_a_refused_switchover_is_told_and_no_error(shop):
    shop.members["pga"].answers[("POST", "/switchover")] = (412, "candidate does not exists")
    done = shop.run("switchover", "--candidate", "pgb", "--force")
    assert (done.returncode, without_tables(done.stdout)[-1]) == (
        0, "Switchover failed, details: 412, candidate does not exists")
    strict = subprocess.run([str(shop.bin_dir / "tanistctl"), "--strict", "-c", str(shop.config_file), "switchover",
                             "--force"], capture_output=True, timeout=30, **dropped())
    assert strict.returncode == 3


@pytest.mark.parametrize("arguments, error", [
    (["switchover", "--leader", "pgb", "--force"], "Member pgb is not the leader of cluster shop"),
    (["switchover", "--candidate", "pga", "--force"], "Member pga is already the leader of cluster shop"),
    (["switchover", "--candidate", "pgc", "--force"],
     "Member pgc does not exist in cluster shop or is tagged as nofailover"),
    (["switchover", "--scheduled", "soon", "--force"],
     "Unable to parse scheduled timestamp (soon). It should be in an unambiguous format (e.g. ISO 8601)"),
    (["failover", "--force"], "Failover could be performed only to a specific candidate"),
    (["restart", "shop", "--pg-version", "17", "--force"],
     "Invalid PostgreSQL version format: X.Y or X.Y.Z is accepted: 17"),
    (["restart", "shop", "nobody", "--force"], "No 'any' among provided members"),
    (["reinit", "shop", "pga", "--force"], "No replica among provided members"),
    (["dsn", "-r", "replica", "-m", "pgb"], "--role and --member are mutually exclusive options"),
    (["dsn", "-m", "nobody"], "Can not find a suitable member"),
    (["query"], "You need to specify either --command or --file"),
    (["query", "-c", "SELECT 1", "-f", "x"], "--file and --command are mutually exclusive options"),
    (["resume"], "Cluster is not paused"),
])
def test_what_cannot_be_is_one_line_and_nobody_is_asked(shop, arguments, error):
    done = shop.run(*arguments)
    assert (done.returncode, done.stderr) == (1, f"Error: {error}\n")
    assert not any(member.asked for member in shop.members.values())


def test_where_no_api_answers_the_request_goes_into_the_store(shop):
    shop.members["pga"].close()
    done = shop.run("switchover", "--candidate", "pgb", "--force")
    assert done.returncode == 0, done.stderr
    assert without_tables(done.stdout)[-2:] == ["<now> Could not switchover using Patroni api, falling back to DCS", "<table>"]
    assert " - WARNING - Failing over to DCS\n" in done.stderr
    assert json.loads(shop.get("failover")) == {"leader": "pga", "member": "pgb"}
    shop.members["pga"] = StandIn("shop", "pga")


def test_a_stranger_at_the_address_of_a_member_is_left_alone(shop):
    stranger = StandIn("town", "pgb")
    try:
        gone, shop.members["pgb"] = shop.members["pgb"], stranger
        gone.close()
        shop.put_member("pgb", 12)
        for command in (["restart", "shop", "pgb"], ["reload", "shop", "pgb"], ["reinit", "shop", "pgb"]):
            done = shop.run(*command, "--force")
            assert (done.returncode, done.stderr) == (1, "Error: no answer from pgb\n")
            assert "member pgb of cluster town answers at its address" in done.stdout
        assert not stranger.asked
    finally:
        stranger.close()
        shop.members.pop("pgb")


def test_restart_asks_for_time_and_version(shop):
    for member in shop.members.values():
        member.answers[("POST", "/restart")] = (200, "restarted successfully")
    with shop.dialogue("restart", "shop", "-r", "replica") as dialogue:
        dialogue.answer(")  [now]: ", "")
        dialogue.answer("Are you sure you want to restart members pgb, pgc? [y/N]: ", "y")
        dialogue.answer("Restart if the PostgreSQL version is less than provided (e.g. 9.5.2)  []: ", "17.9")
        assert dialogue.end() == 0
        assert dialogue.text.endswith("Success: restart on member pgb\nSuccess: restart on member pgc\n")
    assert shop.members["pgb"].asked == [("POST", "/restart", {"postgres_version": "17.9"})]
    assert not shop.members["pga"].asked


def test_reinit_asks_for_the_member_and_may_cancel_what_goes_on(shop):
    def reinitialize(body):
        return (200, "reinitialize started") if body["force"] else (503, "restart already in progress")

    shop.members["pgb"].answers[("POST", "/reinitialize")] = reinitialize
    with shop.dialogue("reinit", "shop", "--from-leader") as dialogue:
        dialogue.answer("Which member do you want to reinitialize [pgb, pgc]? []: ", "pgb")
        dialogue.answer("Are you sure you want to reinitialize members pgb? [y/N]: ", "y")
        dialogue.answer("Do you want to cancel it and reinitialize anyway? [y/N]: ", "y")
        assert dialogue.end() == 0
        assert dialogue.text.endswith("Success: reinitialize for member pgb\n")
    assert [body for _, _, body in shop.members["pgb"].asked] == [
        {"force": False, "from_leader": True}, {"force": True, "from_leader": True}]


def test_flush_takes_back_what_is_scheduled(shop):
    shop.put("failover", json.dumps({"leader": "pga", "scheduled_at": "2131-01-01T10:00:00+00:00"}))
    assert " Switchover scheduled at: 2131-01-01" in shop.run("list").stdout
    shop.members["pga"].answers[("DELETE", "/switchover")] = (200, "scheduled switchover deleted")
    assert shop.run("flush", "shop", "switchover").stdout == "Success: scheduled switchover deleted\n"
    for member in shop.members.values():
        member.close()
    done = shop.run("flush", "shop", "switchover")
    assert done.returncode == 0 and done.stdout.endswith(" Could not find any accessible member of cluster shop\n")
    assert json.loads(shop.get("failover")) == {}
    assert shop.run("flush", "shop", "switchover").stdout == "No pending scheduled switchover\n"
    for name in shop.members:
        shop.members[name] = StandIn("shop", name)


def test_remove_wants_three_words(shop):
    with shop.dialogue("remove", "shop") as dialogue:
        dialogue.answer("Please confirm the cluster name to remove: ", "")
        dialogue.answer("Please confirm the cluster name to remove: ", "shop")
        dialogue.answer('You are about to remove all information in DCS for shop, please type: "Yes I am aware": ',
                        "Yes I am aware")
        dialogue.answer("This cluster currently is healthy. Please specify the leader name to continue: ", "pgb")
        assert dialogue.end() == 1
        assert dialogue.text.endswith("Error: You did not specify the current leader of the cluster\n")
    assert shop.get("initialize") == IDENTIFIER
    shop.etcd.put("/service/shopping/initialize", IDENTIFIER)
    done = shop.run("remove", "shop", stdin="shop\nYes I am aware\npga\n")
    assert done.returncode == 0, done.stderr
    assert "members still run: pga, pgb, pgc" in done.stderr
    assert list(shop.etcd.keys("/service/")) == ["/service/shopping/initialize"]


def test_history_in_all_formats(shop):
    shop.put("history", json.dumps([[1, 25165984, "no recovery target specified", "2031-01-01T10:00:00+00:00", "pgb"],
                                    [2, 33554432, "no recovery target specified"]]))
    assert shop.run("history").stdout.splitlines()[3] == (
        "|  1 | 25165984 | no recovery target specified | 2031-01-01T10:00:00+00:00 | pgb        |")
    rows = json.loads(shop.run("history", "-f", "json").stdout)
    assert rows == yaml.safe_load(shop.run("history", "-f", "yaml").stdout)
    assert rows[1] == {"TL": 2, "LSN": 33554432, "Reason": "no recovery target specified", "Timestamp": "",
                       "New Leader": ""}


def test_called_patronictl_it_names_itself_so(shop):
    done = shop.run("version", "shop", "pga", program="patronictl")
    assert done.stdout == "patronictl version 4.1.4\n\npga: Patroni 4.1.4 PostgreSQL 17.2\n"
    assert shop.run("version").stdout.startswith("tanistctl version ")
    done = shop.run("nonsense", program="patronictl")
    assert done.returncode == 2 and done.stderr.startswith("Usage: patronictl ")
