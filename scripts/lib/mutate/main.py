"""scripts/mutate: see there."""
import argparse
import concurrent.futures
import signal
import subprocess
import sys
import time
from pathlib import Path

import mutations
import self_test
from ladder import Ladder, binaries_for
from tree import Tree

# Of all mutations so many may go unnoticed, each with its explanation.
MOST_UNNOTICED = 0.05
FEWEST = 100
TENTHS = 10


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/mutate")
    parser.add_argument("--top", type=Path, required=True)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--tenth", type=int, nargs="?", const=-1, choices=range(-1, TENTHS), metavar="N")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("names", nargs="*")
    return parser.parse_args()


def check(everything, top):
    """Every mutation fits the sources, and they are enough; raises BadList."""
    wrong = []
    for file in sorted({m.file for m in everything}):
        path = top / file
        if not path.is_file():
            wrong.append(f"there is no file {file}: named by "
                         + ", ".join(m.name for m in everything if m.file == file))
            continue
        try:
            mutations.with_switches(path.read_text(encoding="utf-8"), [m for m in everything if m.file == file])
        except mutations.BadList as e:
            wrong.append(str(e))
    if len(everything) < FEWEST:
        wrong.append(f"there are {len(everything)} mutations, and {FEWEST} are wanted")
    explained = [m.name for m in everything if m.survives]
    if len(explained) > MOST_UNNOTICED * len(everything):
        wrong.append(f"{len(explained)} of {len(everything)} mutations are explained to go unnoticed, more than "
                     f"{MOST_UNNOTICED:.0%}: {', '.join(explained)}\nHINT: add tests that notice them")
    if wrong:
        raise mutations.BadList("\n".join(wrong))


def choose(everything, options):
    if options.names:
        unknown = set(options.names) - {m.name for m in everything}
        if unknown:
            raise mutations.BadList(f"there is no mutation {', '.join(sorted(unknown))}\nHINT: scripts/mutate --list")
        return [m for m in everything if m.name in options.names]
    if options.tenth is None:
        return everything
    tenth = options.tenth if options.tenth >= 0 else int(time.time() / 3600) % TENTHS
    # Neighbours share files: little is compiled for them.
    begin, end = (len(everything) * at // TENTHS for at in (tenth, tenth + 1))
    print(f"tenth {tenth} of 0 to {TENTHS - 1}: {everything[begin].name} to {everything[end - 1].name} "
          f"(again: scripts/mutate --tenth {tenth})", flush=True)
    return everything[begin:end]


def tell(mutation, by, seconds):
    how = f"noticed by {by}" if by else f"UNNOTICED{', as explained' if mutation.survives else ''}"
    print(f"{mutation.name:55} {seconds:5.1f} s  {how}", flush=True)


def run_all(chosen, ladder, jobs):
    """Which test noticed each, by name; None: no test."""
    noticed = {}

    def one(mutation):
        begun = time.monotonic()
        return mutation, ladder.climb(mutation), time.monotonic() - begun

    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        try:
            for done in concurrent.futures.as_completed([pool.submit(one, mutation) for mutation in chosen]):
                mutation, by, seconds = done.result()
                noticed[mutation.name] = by
                tell(mutation, by, seconds)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            ladder.stop()
            raise
    return noticed


def judge(chosen, noticed):
    """Tells of each that went unnoticed; whether that is in order."""
    good = True
    for mutation in chosen:
        if noticed[mutation.name] is None:
            print(f"\nunnoticed: {mutation.name} ({mutation.file})\n  {' '.join(mutation.line.split())}\n  becomes  "
                  f"{' '.join(mutation.becomes.split()) or '(nothing)'}\n  breaks: {mutation.why}")
            print(f"  explained: {mutation.survives}" if mutation.survives else
                  "  HINT: add a test that notices it, in the cheapest layer that can")
            good = good and bool(mutation.survives)
        elif mutation.survives:
            print(f"\nerror: {mutation.place}: it is noticed by {noticed[mutation.name]}\nHINT: take its explanation out")
            good = False
    count = sum(by is not None for by in noticed.values())
    print(f"{count} of {len(chosen)} mutations noticed" + ("" if good else ", and not all others are explained"))
    return good


def main():
    options = arguments()
    self_test.run()
    everything = mutations.read_list(options.top / "tests" / "mutations")
    check(everything, options.top)
    if options.check:
        print(f"{len(everything)} mutations fit the sources")
        return 0
    if options.list:
        for m in everything:
            print(f"{m.name:55} {m.file}")
        return 0
    chosen = choose(everything, options)
    tree = Tree(options.top, options.top / "build" / "mutate")
    tree.write(chosen)
    if not tree.build(binaries_for(chosen), options.jobs):
        return 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("error: ended by a signal"))
    ladder = Ladder(tree.binaries, short=options.tenth is not None)
    good = judge(chosen, run_all(chosen, ladder, options.jobs))
    for complaint in ladder.complaints():
        print(f"error: {complaint}")
        good = False
    return 0 if good else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except mutations.BadList as e:
        sys.exit(f"error: {e}")
    except subprocess.CalledProcessError as e:
        sys.exit(f"error: {' '.join(map(str, e.cmd))}: exit code {e.returncode}")
