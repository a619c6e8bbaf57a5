"""show-config, edit-config and reload of tanistctl, against a real member and store."""
import json
import os
import signal
import stat
import subprocess

import pytest
import yaml

from harness.cluster import Cluster
from harness.member import tanistctl
from harness.processes import give, wait_until

pytestmark = pytest.mark.xdist_group("ctl_config")  # one cluster, one worker


@pytest.fixture(scope="module")
def shop():
    cluster = Cluster(members=("m1",), scope="shop")
    try:
        cluster.start_store()
        cluster["m1"].start()
        cluster.wait_for_leader()
        yield cluster
    finally:
        cluster.close()


def stored(cluster):
    return json.loads(cluster.etcd.get(cluster.key("config")))


def ctl(cluster, *arguments, **options):
    return tanistctl(cluster["m1"], *arguments, **options)


def test_show_config_is_what_the_store_holds(shop):
    done = ctl(shop, "show-config")
    assert done.returncode == 0, done.stderr
    assert yaml.safe_load(done.stdout) == stored(shop)
    assert done.stdout.endswith("\n\n")
    assert ctl(shop, "show-config", "nobody").stdout == ""


def test_edit_config_shows_what_it_changes_and_members_take_it_over(shop):
    done = ctl(shop, "edit-config", "-s", "ttl=25", "-p", "work_mem=9MB", "-p", "log_min_duration_statement=250ms",
               "--force")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("--- \n+++ \n@@ ")
    assert "\n-ttl: 20\n+ttl: 25\nConfiguration changed\n" in done.stdout
    assert "\n+    work_mem: 9MB\n" in done.stdout and "\033" not in done.stdout
    assert stored(shop)["ttl"] == 25
    wait_until("work_mem", lambda: shop["m1"].value("SHOW work_mem") == "9MB", 3, interval=0.02)
    done = ctl(shop, "edit-config", "-s", "ttl=20", "-p", "work_mem=", "-p", "log_min_duration_statement=null", "--force",
               "-q")
    assert done.stdout == "Configuration changed\n"
    assert "work_mem" not in json.dumps(stored(shop))


def test_edit_config_refuses_what_members_would_refuse(shop):
    before = stored(shop)
    done = ctl(shop, "edit-config", "-s", "ttl=soon", "--force")
    assert done.returncode == 1 and done.stderr.startswith("Error: ttl"), done
    done = ctl(shop, "edit-config", "-s", "ttl", "--force")
    assert (done.returncode, done.stderr) == (1, "Error: Invalid parameter setting ttl\n")
    done = ctl(shop, "edit-config", "nobody", "-s", "ttl=20")
    assert (done.returncode, done.stderr) == (1, "Error: The config key does not exist in the cluster nobody\n")
    assert stored(shop) == before


def test_edit_config_tells_what_is_unwise_and_what_it_takes(shop):
    before = stored(shop)
    done = ctl(shop, "edit-config", "-s", "retry_timout=4", "-p", "work_mme=8MB", "-p", "max_connections=123", "--dry-run")
    assert done.returncode == 5 and done.stderr == "", done
    version = shop["m1"].value("SHOW server_version").split()[0]
    assert ("warning  retry_timout unknown key, ignored\n         HINT: did you mean retry_timeout?\n"
            "warning  postgresql.parameters.work_mme there is no such parameter: it is left out\n"
            "         HINT: did you mean work_mem?\n") in done.stdout
    assert f"\nm1  leader   PostgreSQL {version}" in done.stdout and "  restart for max_connections\n" in done.stdout
    assert done.stdout.endswith("\nNothing was stored (--dry-run)\n")
    done = ctl(shop, "edit-config", "-p", "work_mem=7MB", "--dry-run")
    assert done.returncode == 0 and "  reload for work_mem\n" in done.stdout, done
    assert stored(shop) == before
    done = ctl(shop, "edit-config", "-s", "retry_timeout=30", "--force")
    assert done.returncode == 0 and "members use loop_wait 1 and retry_timeout 9" in done.stderr, done
    assert stored(shop)["retry_timeout"] == 30
    assert ctl(shop, "edit-config", "-s", f"retry_timeout={before['retry_timeout']}", "--force").returncode == 0


def test_edit_config_asks_and_the_end_of_input_aborts(shop):
    before = stored(shop)
    done = ctl(shop, "edit-config", "-s", "ttl=26")
    assert done.returncode == 1 and "Aborted!" in done.stderr
    assert done.stdout.endswith("Apply these changes? [y/N]: ")
    assert stored(shop) == before


def test_an_interrupt_at_a_question_aborts(shop):
    before = stored(shop)
    m1 = shop["m1"]
    command = [m1.bin_dir / "tanistctl", "-c", m1.config_file, "edit-config", "-q", "-s", "ttl=26"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout.read(len("Apply these changes?")) == b"Apply these changes?"
        running.send_signal(signal.SIGINT)
        assert running.wait(5) == 1
        assert running.stderr.read() == b"\nAborted!\n"
    assert stored(shop) == before


def test_edit_config_in_an_editor_and_from_a_file(shop):
    m1 = shop["m1"]
    editor = m1.directory / "editor"
    editor.write_text("#!/bin/sh\nsed -i 's/^ttl: .*/ttl: 27/' \"$1\"\n")
    editor.chmod(editor.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    give(editor)
    before = os.environ.get("EDITOR")
    os.environ["EDITOR"] = str(editor)
    try:
        done = ctl(shop, "edit-config", "--force")
    finally:
        if before is None:
            del os.environ["EDITOR"]
        else:
            os.environ["EDITOR"] = before
    assert done.returncode == 0 and "+ttl: 27" in done.stdout, done
    assert stored(shop)["ttl"] == 27
    file = m1.directory / "new.yml"
    file.write_text("ttl: 20\n")
    give(file)
    assert "+ttl: 20" in ctl(shop, "edit-config", "--apply", str(file), "--force").stdout
    assert ctl(shop, "edit-config", "--apply", str(file)).stdout == "Not changed\n"
    whole = {**stored(shop), "loop_wait": 3}
    file.write_text(yaml.safe_dump(whole))
    assert "+loop_wait: 3" in ctl(shop, "edit-config", "--replace", str(file), "--force").stdout
    assert stored(shop) == whole


def test_reload_asks_the_member_and_what_changed_is_in_force(shop):
    m1 = shop["m1"]
    m1.write_configuration(postgresql={"parameters": {"work_mem": "3MB"}})
    done = ctl(shop, "reload", "shop", "m1", "--force")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("+ Cluster: shop (")
    assert lines[-1].startswith("Reload request received for member m1 and will be processed within ")
    wait_until("work_mem", lambda: m1.value("SHOW work_mem") == "3MB", 3, interval=0.02)
    done = ctl(shop, "reload", "shop", "m9", "--force")
    assert (done.returncode, done.stderr) == (1, "Error: No 'any' among provided members\n")
    assert ctl(shop, "reload").returncode == 2


def test_help_teaches(shop):
    for command in ("show-config", "edit-config", "reload"):
        done = ctl(shop, command, "--help")
        assert done.returncode == 0 and "Usage: " in done.stdout
    assert "edit-config shop -s ttl=20" in ctl(shop, "edit-config", "--help").stdout
