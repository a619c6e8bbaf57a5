"""pg_hba.conf, pg_ident.conf and parameters of a role: written, reloaded, and exchanged when the role is."""
from pathlib import Path

from harness.processes import wait_until

HBA = ["local all all trust", "host all all 0.0.0.0/0 scram-sha-256",
       "host replication replicator 0.0.0.0/0 scram-sha-256"]


def rules(member):
    return [tuple(users) for (users,) in member.query(
        "SELECT user_name FROM pg_hba_file_rules WHERE 'site' = ANY (database) ORDER BY line_number")]


def maps(member):
    if member.value("SHOW server_version_num") < "150000":  # nobody tells what is loaded
        file = member.value("SHOW ident_file")
        return [line.split()[0] for line in Path(file).read_text().splitlines() if not line.startswith("#")]
    return [name for (name,) in member.query("SELECT map_name FROM pg_ident_file_mappings ORDER BY 1")]


def test_rules_follow_the_file_and_the_role(new_cluster):
    cluster = new_cluster(members=("m1", "m2"), overrides={"postgresql": {
        "pg_hba": ["host site general 127.0.0.1/32 md5", *HBA],
        "pg_hba_replica": ["host site reader 127.0.0.1/32 md5", *HBA],
        "pg_ident": ["first a b"],
        "pg_ident_primary": ["writes a b"],
        "parameters_primary": {"work_mem": "7MB", "max_connections": 500},
        "parameters_replica": {"work_mem": "3MB"}}}, dcs={"ttl": 20, "loop_wait": 1, "retry_timeout": 3}).start()
    primary = cluster.wait_for_leader()
    replica = cluster.replicas()[0]
    assert "Role-based config attempted to override protected parameter 'max_connections', ignoring" in primary.log()

    wait_until("the primary's settings", lambda: primary.value("SHOW work_mem") == "7MB", 5)
    wait_until("the replica's settings", lambda: replica.value("SHOW work_mem") == "3MB", 5)
    assert rules(primary) == [("general",)] and maps(primary) == ["writes"]
    assert rules(replica) == [("reader",)] and maps(replica) == ["first"]
    assert primary.value("SHOW max_connections") == "100"

    # A new list in the file reaches the running server.
    for member in (primary, replica):
        member.write_configuration(postgresql={"pg_hba": ["host site other 127.0.0.1/32 md5", *HBA]})
        member.reload()
    wait_until("the new rules", lambda: rules(primary) == [("other",)], 10)
    assert rules(replica) == [("reader",)]

    # The new primary takes what is meant for primaries; nothing needs a restart.
    started = replica.postmaster()
    primary.stop()
    cluster.wait_for_leader(other_than=primary)
    wait_until("settings of a primary", lambda: replica.value("SHOW work_mem") == "7MB", 10)
    assert rules(replica) == [("other",)] and maps(replica) == ["writes"]
    assert replica.postmaster() == started


def test_files_of_the_user_are_left_alone(new_cluster):
    cluster = new_cluster(members=("m1",))
    member = cluster["m1"]
    own = member.directory / "own_hba.conf"
    own.write_text("\n".join(["# mine", *HBA]) + "\n")
    member.write_configuration(postgresql={"parameters": {"hba_file": str(own), "ident_file": "own_ident.conf"},
                                           "config_dir": str(member.directory)})
    (member.directory / "own_ident.conf").write_text("mine a b\n")
    (member.directory / "postgresql.conf").write_text("work_mem = '5MB'\n")
    for name in ("own_hba.conf", "own_ident.conf", "postgresql.conf"):
        (member.directory / name).chmod(0o666)
    cluster.start()
    assert member.value("SHOW hba_file") == str(own)
    assert member.value("SHOW ident_file") == str(member.directory / "own_ident.conf")
    assert maps(member) == ["mine"]
    assert own.read_text().startswith("# mine")
    # The file that was there before is kept, and counts.
    assert (member.directory / "postgresql.base.conf").read_text() == "work_mem = '5MB'\n"
    assert member.value("SHOW work_mem") == "5MB"
    assert "include 'postgresql.base.conf'" in (member.directory / "postgresql.conf").read_text()
