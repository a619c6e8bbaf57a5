"""The live demonstration behind scripts/demo: etcd, three members, a table that follows what happens."""
import argparse
import json
import re
import shutil
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests/e2e"))

from harness.cluster import Cluster  # noqa: E402
from harness.member import SUPERUSER_PASSWORD, tanistctl  # noqa: E402
from harness.processes import account  # noqa: E402

BACK_AFTER = 15  # seconds until a member that ended is started again
INTERESTING = re.compile(r"(promot|demot|elected|lock|leader|bootstrap|rewind|basebackup|clone|switch|failover|following|"
                         r"shut|start|terminat|WARNING|ERROR|CRITICAL)", re.IGNORECASE)
DULL = re.compile(r"no action\. I am")


class Demo:
    def __init__(self, options):
        self.options = options
        self.live = sys.stdout.isatty()
        self.cluster = Cluster(scope="demo", dcs={"ttl": 20, "loop_wait": 5, "retry_timeout": 5})
        self.ended = {}      # name -> when its daemon was seen to have ended
        self.news = []
        self.read_to = {m.name: 0 for m in self.cluster}
        self.shown = None
        self.was_healthy = False
        self.stopped = False

    def run(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: setattr(self, "stopped", True))
        began = time.monotonic()
        try:
            self.cluster.start_store()
            for member in self.cluster:
                member.start()
            while not self.stopped:
                self.bring_back()
                self.gather_news()
                self.show(self.table())
                if self.options.seconds and time.monotonic() - began > self.options.seconds:
                    break
                time.sleep(0.25)
        finally:
            self.say("\nstopping all members, etcd, and removing " + str(self.cluster.directory))
            healthy = self.was_healthy
            if not healthy:
                self.say(self.cluster.describe(30))
            self.end()
        if not self.options.seconds or healthy:
            return 0
        self.say(f"the cluster did not come up within {self.options.seconds} s")
        return 1

    def end(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        for member in self.cluster:
            if member.running():
                member.terminate()
        deadline = time.monotonic() + 10
        while any(m.running() for m in self.cluster) and time.monotonic() < deadline:
            time.sleep(0.05)
        self.cluster.close()

    def bring_back(self):
        """What systemd would do for a daemon that ended."""
        for member in self.cluster:
            if member.running():
                self.ended.pop(member.name, None)
            elif time.monotonic() - self.ended.setdefault(member.name, time.monotonic()) > BACK_AFTER:
                self.add_news(f"{member.name}: starting its daemon again")
                member.start()

    def gather_news(self):
        for member in self.cluster:
            try:
                with open(member.log_file, errors="replace") as log:
                    log.seek(self.read_to[member.name])
                    text = log.read()
            except FileNotFoundError:
                continue
            whole = text[:text.rfind("\n") + 1]
            self.read_to[member.name] += len(whole.encode(errors="replace"))
            for line in whole.splitlines():
                if re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d+ (INFO|WARNING|ERROR|CRITICAL)", line) and \
                        INTERESTING.search(line) and not DULL.search(line):
                    self.add_news(f"{member.name}: {line[11:]}")

    def add_news(self, line):
        if not self.news or self.news[-1] != line:
            self.news.append(line)
            if not self.live:
                self.say("  " + line)

    def table(self):
        if not any(m.config_file.exists() for m in self.cluster):
            return "starting"
        done = tanistctl(self.cluster["m1"], "list")
        try:
            rows = json.loads(tanistctl(self.cluster["m1"], "list", "-f", "json").stdout)
            roles = sorted((row["Role"], row["State"]) for row in rows)
        except (ValueError, KeyError):
            roles = []
        if roles == [("Leader", "running"), ("Replica", "streaming"), ("Replica", "streaming")]:
            self.was_healthy = True
        return (done.stdout or done.stderr).rstrip()

    def processes(self):
        lines = []
        for member in self.cluster:
            if member.running():
                daemon = f"daemon {member.pid}"
            else:
                wait = BACK_AFTER - (time.monotonic() - self.ended.get(member.name, time.monotonic()))
                daemon = f"daemon ended ({member.process.returncode}), back in {max(wait, 0):.0f} s"
            lines.append(f"  {member.name}  {daemon:<28} PostgreSQL {member.postmaster() or '-':<8} "
                         f"REST http://{member.host}:{member.rest_port}/  port {member.port}")
        return lines

    def hints(self):
        first = next((m for m in self.cluster if m.postmaster()), self.cluster["m1"])
        primary = next((m for m in self.cluster if m.running() and m.status("/primary", timeout=0.3) == 200), first)
        ports = ",".join(str(m.port) for m in self.cluster)
        hosts = ",".join(m.host for m in self.cluster)
        return [
            "Try, in another terminal" + (" (as root)" if account() else "")
            + ":",
            f"  kill -9 {primary.postmaster() or 'POSTMASTER'}    the postmaster of the primary dies: writable again at once",
            f"  kill {primary.pid}    the primary's daemon is stopped: it hands over",
            f"  kill -9 {primary.pid} {primary.postmaster() or ''}    both die, like a lost host: another takes over within "
            f"{self.cluster.dcs['ttl']} s",
            f"  psql 'postgresql://postgres:{SUPERUSER_PASSWORD}@/postgres?host={hosts}&port={ports}"
            "&target_session_attrs=read-write'",
            f"  {first.bin_dir}/tanistctl -c {first.config_file} topology",
            "Ctrl-C ends everything and cleans up.",
        ]

    def show(self, table):
        if self.live:
            width = shutil.get_terminal_size((120, 40)).columns
            screen = [table, "", *self.processes(), "", *self.hints(), "", "What happened:", *self.news[-12:]]
            lines = "\n".join(screen).splitlines()
            sys.stdout.write("\033[H" + "".join(f"{line[:width]}\033[K\n" for line in lines) + "\033[J")
            sys.stdout.flush()
        elif table != self.shown:
            self.say(table)
        self.shown = table

    @staticmethod
    def say(text):
        print(text, flush=True)


def main():
    parser = argparse.ArgumentParser(prog="scripts/demo", description="three members and etcd on this machine, live")
    parser.add_argument("--seconds", type=float, default=0, help="end by itself after so many seconds")
    options = parser.parse_args()
    demo = Demo(options)
    if demo.live:
        sys.stdout.write("\033[2J")
    return demo.run()


if __name__ == "__main__":
    sys.exit(main())
