"""The table of PostgreSQL's parameters against a running server (scripts/parameters --check)."""
import os
import subprocess
from pathlib import Path

from .processes import POSTGRES_BIN

SCRIPT = Path(__file__).resolve().parents[3] / "scripts/parameters"


def differences(member):
    """Lines that tell where table and server disagree; empty: nowhere. What a minor release or the distribution brought is
    in no table: the daemon asks the program about it."""
    from .member import SUPERUSER, SUPERUSER_PASSWORD
    environment = {"PATH": f"{POSTGRES_BIN}:{os.environ['PATH']}", "PGPASSWORD": SUPERUSER_PASSWORD}
    conninfo = f"host={member.host} port={member.port} user={SUPERUSER} dbname=postgres"
    done = subprocess.run([SCRIPT, "--check", conninfo], capture_output=True, text=True, env=environment, timeout=30)
    told = [] if done.returncode == 0 else (done.stdout + done.stderr).splitlines()
    return [line for line in told if not line.endswith("is not in the table")]
