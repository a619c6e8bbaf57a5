"""Expressions that await: what of them breaks under some compilers, found in the syntax tree by clang-query.

    awaits.py BUILD_DIRECTORY FILE...    the files, as compile_commands.json there compiles them
    awaits.py --self-test                planted mistakes are found, and nothing else
"""
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parents[2]
QUERY = HERE / "awaits.query"
PLANTED = HERE / "planted.cc"
PROGRAM = "clang-query-19"


class Broken(Exception):
    """The lint itself could not do its work."""


def look(file, options):
    """Findings in one file, as (path, line, column, rule)."""
    done = subprocess.run([PROGRAM, "-f", QUERY, *options[0], file, *options[1]], capture_output=True, text=True)
    # A parser that gave up has found nothing, which is no reason to be content.
    if done.returncode != 0 or " error: " in done.stdout + done.stderr or "matches." not in done.stdout.replace(
            "1 match.", "1 matches."):
        raise Broken(f"{PROGRAM} could not read {file}:\n{(done.stdout + done.stderr)[-2000:]}")
    found = re.findall(r'^(.+?):(\d+):(\d+): note: "(.+)" binds here$', done.stdout, re.MULTILINE)
    return {(os.path.relpath(path, TOP), int(line), int(column), rule) for path, line, column, rule in found}


def compiled_by(build, files):
    """Of the files those that are compiled; for a header one that includes it: a header has no command of its own."""
    commands = json.loads((pathlib.Path(build) / "compile_commands.json").read_text())
    known = {os.path.relpath(entry["file"], TOP) for entry in commands}
    texts = None
    out = set()
    for file in files:
        name = os.path.relpath(pathlib.Path(file).resolve(), TOP)
        if name in known:
            out.add(name)
        elif name.endswith(".h"):
            texts = texts or {k: (TOP / k).read_text() for k in sorted(known) if (TOP / k).exists()}
            include = f'#include "{name.split("/", 1)[1]}"'
            out.update([k for k, text in texts.items() if include in text][:1])
    return sorted(out)


def awaits(file):
    return "co_await" in pathlib.Path(file).read_text(errors="replace")


def self_test():
    wanted = {number for number, line in enumerate(PLANTED.read_text().splitlines(), 1) if line.endswith("// broken")}
    # What is said of a line may begin on it or, in a statement of several lines, above: planted ones have one.
    found = {line for _, line, _, _ in look(PLANTED, ([], ["--", "-std=c++23"]))}
    for line in sorted(wanted - found):
        print(f"{PLANTED}:{line}: this mistake is not found")
    for line in sorted(found - wanted):
        print(f"{PLANTED}:{line}: this is found, and is no mistake")
    return not wanted or wanted != found


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    build, *files = sys.argv[1:]
    os.chdir(TOP)
    files = compiled_by(build, [f for f in files if awaits(f)])
    jobs = int(os.environ.get("TANIST_JOBS") or os.cpu_count())
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        found = set().union(*pool.map(lambda f: look(f, (["-p", build], [])), files))
    for path, line, column, rule in sorted(found):
        print(f"{path}:{line}:{column}: {rule}")
    return bool(found)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Broken as problem:
        sys.exit(f"error: {problem}")
