"""The tests that a mutation meets, the cheapest first, until one notices."""
import os
import re
import resource
import signal
import subprocess
import tempfile
import threading

# A mutation may make a test wait for ever, or fill the memory: that is noticed, too.
LIMIT_SECONDS = 240
LIMIT_BYTES = 6 << 30
# What starts no server: etcd wants address space that it does not use.
ALONE = ("unit_ha", "sim_")
SEEDS = 300

POLICY, ENGINE = "unit_ha_policy_test", "unit_ha_test"
SCENARIOS = "sim_test --gtest_filter=-SimSeeds.*:*Seeds.*"
ZONES = "sim_test --gtest_filter=*Seeds.*-SimSeeds.fresh*:SimSeeds.a_seed*"
CHAOS = f"tanist-sim --seed 1 --count {SEEDS} --faults 80 --without-operators"
SIMULATOR = [SCENARIOS, ZONES, CHAOS]
# By folder. The rules first, what carries them out, then the whole.
LADDERS = {
    "src/ha/policy/": [POLICY, ENGINE, *SIMULATOR],
    "src/ha/": [ENGINE, *SIMULATOR],
    "src/dcs/etcd3/": ["unit_dcs_etcd3_test", "contract_etcd3_test"],
    "src/postgres/": ["unit_postgres_test --gtest_filter=Divergence.*:ControlData.*",
                      "unit_postgres_test --gtest_filter=TwoPromotions.*:ServerTest.*rewind*:ServerTest.*rewound*"
                      ":ServerTest.*wal*"],
}


def steps_of(mutation):
    rest = next(steps for folder, steps in LADDERS.items() if mutation.file.startswith(folder))
    return [*([test_alone(mutation.by)] if mutation.by else []), *rest]


def test_alone(by):
    """`binary Suite.test` as a command."""
    program, test = by.split()
    return f"{program} --gtest_filter={test}"


def binaries_for(chosen):
    return sorted({step.split()[0] for m in chosen for step in steps_of(m)})


class Ladder:
    def __init__(self, binaries, short):
        self.binaries = binaries
        # Of what is explained to go unnoticed the dear tests are run with the whole list only.
        self.short = short
        self.sound = {}
        self.lock = threading.Lock()
        self.running = set()
        self.ended = False

    def climb(self, mutation):
        """The test that notices; None: no test does."""
        for step in steps_of(mutation)[:1 if self.short and mutation.survives else None]:
            failed = self.run(step, mutation.number)
            if failed is None:
                continue
            if mutation.by and step != test_alone(mutation.by):
                failed += f" (and not by {mutation.by}, as the list says)"
            with self.lock:
                if step not in self.sound:
                    self.sound[step] = self.run(step, -1)
            return failed
        return None

    def stop(self):
        """Ends what runs: each test is a process group of its own."""
        self.ended = True
        for running in list(self.running):
            os.killpg(running.pid, signal.SIGKILL)

    def complaints(self):
        """Tests that fail without a mutation say nothing of those with one."""
        return [f"{step} fails without a mutation: {failed}" for step, failed in self.sound.items() if failed]

    def run(self, step, number):
        """What failed; None: nothing."""
        if self.ended:
            return "nothing: it was ended"
        program, *options = step.split()
        if program != "tanist-sim":
            options += ["--gtest_brief=1", "--gtest_fail_fast"]
        environment = dict(os.environ, TANIST_MUTANT=str(number), TANIST_SIM_SEED="1")
        environment.pop("TANIST_SOAK", None)
        with tempfile.TemporaryFile() as output:
            running = subprocess.Popen([str(self.binaries / program), *options], stdout=output, stderr=subprocess.STDOUT,
                                       env=environment, start_new_session=True,
                                       preexec_fn=limit_memory if program.startswith(ALONE) else None)
            self.running.add(running)
            try:
                code = running.wait(LIMIT_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(running.pid, signal.SIGKILL)
                running.wait()
                return f"{program}, which did not end"
            finally:
                self.running.discard(running)
            if code == 0:
                return None
            output.seek(0)
            return f"{program} {what_failed(output.read().decode(errors='replace'), code)}"


def limit_memory():
    resource.setrlimit(resource.RLIMIT_AS, (LIMIT_BYTES, LIMIT_BYTES))


def what_failed(output, code):
    test = re.search(r"^\[  FAILED  \] ([^ (,]+)", output, re.MULTILINE)
    if test:
        return test.group(1)
    seed = re.search(r"^.*(?:seed|--seed) ?\d+.*$", output, re.MULTILINE)
    return seed.group()[:150] if seed else f"exit code {code}"
