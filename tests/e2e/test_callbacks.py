"""Each change of a member's life is told to its callbacks: once, with action, role and cluster, in order."""
from harness.processes import give, wait_until

ACTIONS = ("on_start", "on_stop", "on_restart", "on_reload", "on_role_change")


def test_bootstrap_crash_handover_and_reload_are_told(new_cluster):
    cluster = new_cluster(members=("m1", "m2"))
    told = cluster.directory / "told"
    told.mkdir()
    give(told)
    script = cluster.directory / "callback"
    script.write_text(f'#!/bin/sh\ntest "$1 $2 $3" = "$TANIST_ACTION $TANIST_ROLE $TANIST_SCOPE" || exit 1\n'
                      f'env | grep -q ^PATRONI_ && exit 1\n'
                      f'echo "$1 $2 $3 $TANIST_LEADER" >> {told}/$TANIST_NAME\n')
    script.chmod(0o755)
    for member in cluster:
        member.write_configuration(postgresql={"callbacks": {action: str(script) for action in ACTIONS}})
    cluster.start_store()
    first, second = cluster["m1"], cluster["m2"]
    scope = first.scope

    def lines(member):
        path = told / member.name
        return path.read_text().splitlines() if path.exists() else []

    def expect(member, *expected):
        wanted = [line.format(scope=scope) for line in expected]
        wait_until(f"{member.name} to be told {wanted}", lambda: lines(member) == wanted, 15)

    first.start()
    cluster.wait_for_leader(40)
    expect(first, "on_start primary {scope} m1")
    second.start()
    cluster.wait_for_streaming(40, names=["m2"])
    expect(second, "on_start replica {scope} m1")

    # A handover: the one stops as a primary, the other becomes it.
    assert first.stop() == 0
    cluster.wait_for_leader(20, other_than=first)
    expect(second, "on_start replica {scope} m1", "on_role_change primary {scope} m2")
    wait_until("the stop to be told", lambda: lines(first)[-1].startswith(f"on_stop primary {scope}"), 5)

    # A new daemon tells its first start as one, whatever the server was before.
    first.start()
    cluster.wait_for_streaming(40, names=["m1"])
    wait_until("the start to be told", lambda: lines(first)[2:] == [f"on_start replica {scope} m2"], 10)
    first.configuration["postgresql"]["parameters"]["work_mem"] = "5MB"
    first.reload()
    wait_until("the reload to be told", lambda: f"on_reload replica {scope} m2" in lines(first), 15)

    # A crash that is mended in place is another start.
    old = second.kill_postmaster()
    wait_until("a new postmaster", lambda: second.postmaster() not in (None, old), 15)
    expect(second, "on_start replica {scope} m1", "on_role_change primary {scope} m2", "on_start primary {scope} m2")
