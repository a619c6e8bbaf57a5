"""A copy of the repository whose sources hold mutations, and its build."""
import os
import subprocess

import mutations


class Tree:
    """`place` has the copy; what does not change keeps its time, so that little is compiled again."""

    def __init__(self, top, place):
        self.top, self.place = top, place
        self.binaries = place / "build" / "release" / "bin"

    def write(self, chosen):
        listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=self.top,
                                check=True, capture_output=True).stdout.decode()
        wanted = {}
        for name in filter(None, listed.split("\0")):
            source = self.top / name
            if source.is_file() and not source.is_symlink():
                wanted[name] = (source.read_bytes(), source.stat().st_mode)
        for file in {m.file for m in chosen}:
            content, mode = wanted[file]
            here = [m for m in chosen if m.file == file]
            wanted[file] = (mutations.with_switches(content.decode(), here).encode(), mode)
        wanted["src/core/mutant.h"] = (mutations.SWITCH.encode(), 0o644)
        for name, (content, mode) in wanted.items():
            path = self.place / name
            if path.is_file() and path.read_bytes() == content:
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            path.chmod(mode & 0o777)
        self.remove_others(wanted)

    def remove_others(self, wanted):
        for folder, folders, files in os.walk(self.place):
            if folder == str(self.place):
                folders[:] = [name for name in folders if name != "build"]
            for file in files:
                path = os.path.join(folder, file)
                if os.path.relpath(path, self.place) not in wanted:
                    os.unlink(path)

    def build(self, targets, jobs):
        """Only what goes wrong is long."""
        for command in (["cmake", "--preset", "release"],
                        ["cmake", "--build", "--preset", "release", "--parallel", str(jobs), "--target", *targets]):
            done = subprocess.run(command, cwd=self.place, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  check=False)
            if done.returncode != 0:
                print(done.stdout[-20000:])
                print(f"error: {' '.join(command)} in {self.place}: exit code {done.returncode}")
                return False
        return True
