"""SIGTERM of the leader: a client of a logical slot that does not read does not hold up the hand-over."""
import signal
import time

from harness.member import SUPERUSER, SUPERUSER_PASSWORD
from harness.processes import POSTGRES_BIN, end, send, spawn, wait_until


def test_a_logical_client_that_does_not_read_does_not_hold_up_the_hand_over(new_cluster):
    parameters = {"wal_level": "logical", "wal_sender_timeout": 0}
    cluster = new_cluster(overrides={"bootstrap": {"dcs": {"postgresql": {"parameters": parameters}}}}).start()
    primary = cluster.wait_for_leader()
    primary.query("CREATE TABLE filler (t text)")
    primary.query("SELECT pg_create_logical_replication_slot('slow', 'test_decoding')")
    client = spawn([POSTGRES_BIN / "pg_recvlogical", "-h", primary.host, "-p", str(primary.port), "-U", SUPERUSER,
                    "-d", "postgres", "--slot", "slow", "--start", "-f", "-"], cluster.directory / "recvlogical.log",
                   cwd=cluster.directory, env={"PGPASSWORD": SUPERUSER_PASSWORD})
    try:
        wait_until("the client to be connected", lambda: primary.value(
            "SELECT active FROM pg_replication_slots WHERE slot_name = 'slow'"), 20)
        send(client.pid, signal.SIGSTOP)
        primary.query("INSERT INTO filler SELECT repeat(md5(g::text), 30) FROM generate_series(1, 60000) g")
        cluster.wait_for_replay()
        asked = time.time()
        primary.terminate()
        wait_until("nobody to be sent to it any more", lambda: primary.status("/primary") != 200, 2)
        new = cluster.wait_for_leader(25, other_than=primary)
        print(f"another member leads {time.time() - asked:.1f} s after SIGTERM")
        assert new is not primary
        assert primary.wait(20) == 0
        assert "it feeds no standby" in primary.log()
    finally:
        send(client.pid, signal.SIGCONT)
        end(client)
