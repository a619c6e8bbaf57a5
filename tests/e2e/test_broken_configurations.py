"""A reload of a broken configuration changes nothing: the old one stays in force, and says why."""
import re
import statistics
import time

import yaml

from harness.processes import send, wait_until


def broken(good, soak):
    """Texts that no daemon may take over. Each carries a change that would be seen if one did."""
    changed = yaml.safe_load(yaml.safe_dump(good))
    changed["postgresql"]["parameters"]["work_mem"] = "99MB"
    text = yaml.safe_dump(changed)
    yield from (b"", b"   \n", b"just text", b"- a\n- b\n", b"\x00" * 1000, b"\xff\xfes\x00c\x00", b"\x7fELF\x02\x01")
    for tail in (b"log:\n\tlevel: INFO\n", b"tags: {a: 1\n", b"tags: [a\n", b'namespace: "abc\n', b"namespace: a: b\n",
                 b"tags: *nowhere\n", b"tags: &a {b: *a}\n", b"tags: !!python/object:os.system x\n", b"---\nscope: x\n",
                 b"namespace: \xff\xfe\n", b"namespace: a\x00b\n", b"namespace: \xe2\x82", b"tags: {[a]: b}\n",
                 b"tags: " + b"[" * 100000 + b"\n", b"tags: " + b"{a: " * 5000 + b"\n", b"log: {level: loud}\n",
                 b"log: {max_queue_size: " + b"9" * 400 + b"}\n", b"log: [1]\n", b"ctl: {authentication: {username: a}}\n",
                 b"tags:\n  a0: &a0 [x]\n" + b"".join(
                     b"  a%d: &a%d [" % (n, n) + b"*a%d, " % (n - 1) * 9 + b"*a%d]\n" % (n - 1) for n in range(1, 12)),
                 b"a" * (10 << 20), b"watchdog: {driver: pipe}\n"):
        yield text.encode() + tail
    for key in ("scope", "name", "restapi", "etcd3", "postgresql"):
        yield yaml.safe_dump({k: v for k, v in changed.items() if k != key}).encode()
    for key in ("scope", "name", "namespace"):
        for wrong in ([1], {"a": 1}, True):
            yield yaml.safe_dump({**changed, key: wrong}).encode()
    for key in ("restapi", "etcd3", "postgresql", "log", "ctl", "tags", "bootstrap", "tanist", "watchdog"):
        for wrong in ([1], "text", 5):
            yield yaml.safe_dump({**changed, key: wrong}).encode()
    for key in changed["postgresql"]:
        if key not in ("connect_address", "bin_dir", "pgpass"):
            yield yaml.safe_dump({**changed, "postgresql": {**changed["postgresql"], key: {"wrong": [1]}}}).encode()
    if soak:  # every place where the file may be cut off
        for end in range(1, len(text), max(1, len(text) // 200)):
            cut = text[:end]
            try:
                whole = yaml.safe_load(cut)
            except yaml.YAMLError:
                whole = None
            if not isinstance(whole, dict) or not isinstance(whole.get("postgresql"), dict) or "scope" not in whole:
                yield cut.encode()


ODD = ["", "null", "[]", "5", '"text"', "{", '{"ttl": "soon"}', '{"ttl": []}', '{"postgresql": 5}',
       '{"postgresql": {"parameters": [1]}}', '{"postgresql": {"parameters": {"work_mem": {"a": 1}, "port": 1}}}',
       '{"postgresql": {"pg_hba": {"a": 1}, "callbacks": [1], "pg_ctl_timeout": "x", "data_dir": "/x", "listen": "x"}}',
       '{"slots": 5, "ignore_slots": {}, "synchronous_mode": {"a": []}, "standby_cluster": "x", "pause": "maybe"}',
       '{"ttl": 1e300}', '{"loop_wait": -9223372036854775808, "retry_timeout": 9223372036854775807}', "[" * 100000]


def odd_dynamic_configurations_change_nothing(cluster, member):
    """Whatever lies under /config: the member goes on with what it had, or with defaults for what is unusable."""
    key = cluster.key("config")
    good = cluster.etcd.get(key)
    for text in ODD:
        cluster.etcd.put(key, text)
        time.sleep(0.1)  # or the next one hides this one
        wait_until("a member that leads", lambda: member.running() and member.status("/primary") == 200, 5)
    cluster.etcd.put(key, good.replace('"postgresql":{', '"postgresql":{"parameters":{"vacuum_cost_limit":321},', 1))
    wait_until("the new dynamic value", lambda: member.value("SHOW vacuum_cost_limit") == "321", 10)


def test_the_old_configuration_stays_in_force(new_cluster, soak):
    cluster = new_cluster(members=("m1",))
    cluster.start_store()
    member = cluster["m1"].start()
    cluster.wait_for_leader()
    was = member.value("SHOW work_mem")
    took = []
    for text in broken(member.configuration, soak):
        before = len(member.log())
        member.config_file.write_bytes(text)
        asked = time.monotonic()
        send(member.pid, 1)
        found = member.wait_for_log(r"Exception when reloading local configuration.*", 5, after=before)
        took.append(time.monotonic() - asked)
        told = member.log()[before:before + found.end()]
        assert re.search(r"ERROR.*(tanist\.yml|[a-z_]+\.[a-z_]+|Can not find|is not defined|bytes)", told), (text[:200], told)
        assert member.running(), text[:200]
    assert len(took) >= (200 if soak else 40), len(took)
    # A busy machine may hold up one or the other.
    assert statistics.median(took) < 1, sorted(took)[-10:]
    assert member.value("SHOW work_mem") == was
    assert member.status("/primary") == 200
    odd_dynamic_configurations_change_nothing(cluster, member)
    # And a good one is taken over again.
    member.configuration["postgresql"]["parameters"]["work_mem"] = "13MB"
    member.reload()
    wait_until("the new value", lambda: member.value("SHOW work_mem") == "13MB", 10)
