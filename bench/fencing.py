"""What the extension tanist_fence costs, and what it and a guardian bound: on one PostgreSQL without a daemon."""
import os
import re
import shutil
import statistics
import time
from pathlib import Path

from harness.fence import Server, install
from harness.processes import POSTGRES_BIN, reap_orphans, temporary_directory
from measuring import Result, measure

SECONDS = 1
LOADS = (("pgbench -S", ["-S"], {}), ("pgbench tpcb", [], {}),
         ("tpcb, synchronous_commit off", [], {"PGOPTIONS": "-c synchronous_commit=off"}))


def ended_seconds(server):
    """What backends that have ended have had of a processor."""
    fields = Path(f"/proc/{server.postmaster}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")


def run_load(server, arguments, variables):
    """Transactions a second of two clients, and the processor time of the server for each, in µs."""
    before = ended_seconds(server)
    done = server.run("pgbench", "-n", "-c", "2", "-j", "2", "-T", SECONDS, "-M", "prepared", *arguments, "-h", server.directory,
                      "-U", "postgres", "postgres", env={"PATH": "/usr/bin:/bin", **variables})
    server.value("SELECT 1")  # the last backend has been waited for as well
    time.sleep(0.2)
    count = int(re.search(r"transactions actually processed: (\d+)", done.stdout).group(1))
    tps = float(re.search(r"tps = ([\d.]+) \(without initial|tps = ([\d.]+)", done.stdout).group(1))
    return tps, (ended_seconds(server) - before) * 1e6 / count


@measure("fence", "tanist_fence: what PostgreSQL needs with it, in % of what it needs without")
def fence(runs):
    """Both servers are there all the time and are asked in turns, so that what the machine does besides meets both. Whatever
    that is, it only makes a transaction dearer, so each is judged by the best tenth of its runs; the noise is what the same
    says of two series of runs that are both without the extension."""
    reap_orphans()
    directory = temporary_directory("tfi-")
    servers = []
    try:
        programs = install(POSTGRES_BIN, directory)
        for preload in (True, False):
            servers.append(Server(programs, preload=preload, settings={"shared_buffers": "256MB", "autovacuum": "off",
                                                                       "max_wal_size": "4GB"}).start())
            servers[-1].run("pgbench", "-i", "-q", "-s", "10", "-h", servers[-1].directory, "-U", "postgres", "postgres")
        fenced, plain = servers
        fenced.query("CREATE EXTENSION tanist_fence")
        writer = fenced.writer()
        writer("keep 30000 1000")
        found = []
        for name, arguments, variables in LOADS:
            series = {"with": [], "without": [], "again": []}
            for number in range(6 * runs):
                turns = list(series)
                for each in turns[number % 3:] + turns[:number % 3]:
                    series[each].append(run_load(fenced if each == "with" else plain, arguments, variables))

            def best(each, of, better):
                return statistics.mean(sorted((sample[of] for sample in series[each]), reverse=better)[:max(1, number // 10)])

            for of, what, better in ((1, "processor a transaction", False), (0, "transactions a second", True)):
                base = best("without", of, better) / 100
                found += [Result(f"{name}: {what}", [best("with", of, better) / base], "%",
                                 102 if of else 97, at_least=better),
                          Result("  noise: without it once more", [best("again", of, better) / base], "%", None)]
        state, refused, unanswered = fenced.query("SELECT state, refused, unanswered FROM tanist_fence.status()")[0]
        assert (state, refused, unanswered) == ("armed", 0, 0), (state, refused, unanswered)
        return found
    finally:
        for server in servers:
            server.close()
        shutil.rmtree(directory, ignore_errors=True)
