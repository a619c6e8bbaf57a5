"""tanistctl top on a real terminal (tmux): a cluster is seen and acted upon, and the terminal is as before in the end."""
import re
import signal

import pytest

from harness.member import tanistctl
from harness.processes import send
from harness.screen import Screen

pytestmark = pytest.mark.xdist_group("top")  # one cluster, one worker


def top(cluster, member=None, **options):
    """As an operator starts it on a member's host."""
    member = member or next(iter(cluster))
    return Screen([member.bin_dir / "tanistctl", "-c", member.config_file, "top"], directory=member.directory, **options)


def row(text, name):
    """The line of a member: its role, state and the rest."""
    found = re.search(rf"^[> ] {name} +(.*)$", text, re.MULTILINE)
    return found.group(1) if found else ""


def all_well(names):
    return lambda text: all(re.search(r"(running|streaming)", row(text, name)) for name in names)


def select(screen, name):
    """As many steps as it takes: the screen shows each of them only a moment later."""
    rows = re.findall(r"^([> ]) (m\d) ", screen.text, re.MULTILINE)
    order = [member for _, member in rows]
    steps = order.index(name) - order.index(next(member for mark, member in rows if mark == ">"))
    for _ in range(abs(steps)):
        screen.key("j" if steps > 0 else "k")
    screen.wait_for(lambda text: re.search(rf"^> {name} ", text, re.MULTILINE))


def wait_settled(screen, before):
    """Back at the shell, with the settings that the terminal had."""
    screen.wait_for(lambda text: "ended: " in text)
    screen.type(f"stty -a > {before}/stty.after; echo compared")
    screen.key("Enter")
    screen.wait_for(lambda text: re.search("^compared", text, re.MULTILINE))
    assert (before / "stty.before").read_text() == (before / "stty.after").read_text()


def test_a_failover_is_shown_and_a_switchover_made_by_key(shared):
    names = [m.name for m in shared]
    old = shared.wait_for_leader()
    with top(shared) as screen:
        text = screen.wait_for(all_well(names))
        print(text)
        assert f"leader {old.name}" in text.splitlines()[0] and len(text.splitlines()) <= 24
        assert "Leader" in row(text, old.name) and row(text, shared.replicas()[0].name).startswith("Replica")
        old.kill_everything()
        screen.wait_for(lambda text: "no answer" in row(text, old.name))
        text = screen.wait_for(lambda text: re.search(r"leader (?!" + old.name + r")m\d", text.splitlines()[0]), 60)
        new = shared.wait_for_leader(other_than=old)
        screen.wait_for(f"{new.name} leads")
        print(screen.text)
        old.start()
        shared.wait_for_streaming()
        screen.wait_for(all_well(names), 30)
        # Not without a yes.
        select(screen, old.name)
        screen.type("s")
        screen.wait_for(f"Switch over from {new.name} to {old.name}? [y/N]:")
        screen.key("Enter")
        screen.wait_for("nothing was done")
        screen.type("sy")
        screen.key("Enter")
        # Where the old leader can be asked in time, the gap as well.
        screen.wait_for(lambda text: re.search(
            rf"^ [\d:]+ switchover to {old.name}: done(, nobody could write for \d+ ms)?$", text, re.MULTILINE), 40)
        assert shared.wait_for_leader(5) is old
        screen.wait_for(lambda text: f"leader {old.name}" in text.splitlines()[0])
        print(screen.text)
        shared.wait_for_streaming()
        screen.type("q")
        screen.wait_for("ended: 0")
        wait_settled(screen, next(iter(shared)).directory)


def test_pause_restart_help_and_another_size(shared):
    names = [m.name for m in shared]
    replica = shared.replicas()[0]
    with top(shared, env={"NO_COLOR": "1"}) as screen:
        screen.wait_for(all_well(names))
        assert not re.search(r"\033\[[0-9;]*3[1-7]m", screen.coloured), "NO_COLOR"
        screen.type("py")
        screen.key("Enter")
        screen.wait_for("PAUSED")
        screen.wait_for("pause: done")
        screen.type("py")
        screen.key("Enter")
        screen.wait_for(lambda text: "resume: done" in text and "PAUSED" not in text)
        select(screen, replica.name)
        started = replica.value("SELECT pg_postmaster_start_time()")
        screen.type("ry")
        screen.key("Enter")
        screen.wait_for(f"restart of {replica.name}: done", 60)
        assert replica.value("SELECT pg_postmaster_start_time()") > started
        screen.type("?")
        screen.wait_for("switch over to the selected member")
        screen.type("?")
        screen.resize(132, 40)
        text = screen.wait_for(lambda text: len(text.splitlines()) == 40 and "q quit" in text.splitlines()[39])
        assert len(text.splitlines()[0]) > 100
        screen.resize(30, 6)
        screen.wait_for("too small")
        screen.resize(80, 24)
        screen.wait_for(all_well(names))
        screen.key("C-c")
        screen.wait_for("ended: 0")
        wait_settled(screen, next(iter(shared)).directory)


def test_what_does_not_answer_is_said_and_holds_up_nothing(shared):
    names = [m.name for m in shared]
    shared.wait_for_streaming()
    hung = shared.replicas()[0]
    with top(shared) as screen:
        screen.wait_for(all_well(names))
        assert re.search(r"\033\[[0-9;]*3[1-7]m", screen.coloured), "colours"
        send(hung.pid, signal.SIGSTOP)
        try:
            screen.wait_for(lambda text: "no answer" in row(text, hung.name))
        finally:
            send(hung.pid, signal.SIGCONT)
        screen.wait_for(all_well(names))
        shared.etcd.stop()
        screen.wait_for(lambda text: re.search(r"etcd does not answer, the picture is \d+ s old: ", text), 20)
        print(screen.text)
        screen.type("?")  # keys do as before
        screen.wait_for("select a member", 3)
        screen.type("?")
        shared.etcd.start()
        screen.wait_for(lambda text: "etcd answers" in text, 30)
        send(screen.pid_of("tanistctl"), signal.SIGTERM)
        screen.wait_for("ended: 143")
        wait_settled(screen, next(iter(shared)).directory)
    shared.wait_for_leader()


def test_needs_a_terminal(shared):
    member = next(iter(shared))
    piped = tanistctl(member, "top")
    assert piped.returncode == 1 and piped.stdout == ""
    assert piped.stderr.startswith("Error: top needs a terminal"), piped.stderr
    assert "HINT: use `list -W`" in piped.stderr
    with top(shared, env={"TERM": "unheard-of"}) as screen:
        screen.wait_for("ended: 1")
        assert "'unheard-of' is not known" in " ".join(screen.text.split())


def test_a_store_that_was_never_there(new_cluster):
    cluster = new_cluster(members=("m1",))
    cluster["m1"].write_configuration()
    with top(cluster) as screen:
        screen.wait_for("etcd does not answer: ", 20)
        screen.type("q")
        screen.wait_for("ended: 0")
