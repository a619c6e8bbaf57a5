"""A PostgreSQL with the extension tanist_fence, built and installed as packaging/extension does it, and who writes its file."""
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import psycopg

from harness import versions
from harness.processes import (POSTGRES_BIN, REPOSITORY, account, alive, binaries, give, kill_all_of, processes_of,
                               temporary_directory, wait_until)

PROGRAMS = ("postgres", "initdb", "pg_ctl", "psql", "pg_basebackup", "pg_dump", "pgbench", "pg_controldata")
# Whatever compiler the server was built with, and warnings are errors here.
CFLAGS = ("-O2 -g -Wall -Wextra -Werror -Wmissing-prototypes -Wdeclaration-after-statement -Wno-unused-parameter "
          "-Wno-sign-compare -fno-strict-aliasing -fwrapv")


def as_account():
    who = account()
    return {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []} if who else {}


def can_build(bin_dir):
    """Whether the headers of that PostgreSQL are here."""
    root, major = Path(bin_dir).parents[4], versions.major_version(bin_dir)
    return (root / f"usr/include/postgresql/{major}/server/postgres.h").exists()


def link_all(source, target):
    target.mkdir(parents=True, exist_ok=True)
    for entry in source.iterdir():
        if not (target / entry.name).exists():
            (target / entry.name).symlink_to(entry)


def install(bin_dir, directory):
    """A second installation of that PostgreSQL in `directory`, with the extension; returns its folder of programs. Nothing of
    the first one is touched: a server looks for its files relative to where its program lies."""
    bin_dir = Path(bin_dir)
    root, major = bin_dir.parents[4], versions.major_version(bin_dir)
    libraries, shared = f"usr/lib/postgresql/{major}", f"usr/share/postgresql/{major}"
    # Older ones name the place they were built for, wherever they lie.
    config = directory / f"pg_config-{major}"
    config.write_text(f'#!/bin/sh\nout=$("{bin_dir}/pg_config" "$@")\n'
                      f'case "$out" in "{root}"/*) echo "$out" ;; /usr/*) echo "{str(root).rstrip("/")}$out" ;; *) echo "$out" ;; esac\n')
    config.chmod(0o755)
    tree = directory / f"installed-{major}"
    built = directory / f"built-{major}"
    done = subprocess.run([REPOSITORY / "packaging/extension/build", "--to", built, config], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**os.environ, "TANIST_EXTENSION_CFLAGS": CFLAGS})
    assert done.returncode == 0, done.stdout
    made = built / str(root).lstrip("/")
    shutil.copytree(made / libraries / "lib", tree / libraries / "lib")
    shutil.copytree(made / shared / "extension", tree / shared / "extension")
    link_all(root / libraries / "lib", tree / libraries / "lib")
    link_all(root / shared / "extension", tree / shared / "extension")
    link_all(root / shared, tree / shared)
    (tree / libraries / "bin").mkdir()
    for program in PROGRAMS:
        shutil.copy2(bin_dir / program, tree / libraries / "bin" / program)
    if major < 15:
        # What is built here needs this host's C library, which is newer than the one that was brought: theirs run on it, too.
        for program in PROGRAMS:
            path = tree / libraries / "bin" / program
            theirs = subprocess.run(["patchelf", "--print-rpath", path], capture_output=True, text=True, check=True).stdout.strip()
            own = subprocess.run(["patchelf", "--print-interpreter", "/bin/sh"], capture_output=True, text=True, check=True).stdout.strip()
            host = f"/lib/{os.uname().machine}-linux-gnu:/usr/lib/{os.uname().machine}-linux-gnu"
            subprocess.run(["patchelf", "--set-interpreter", own, "--force-rpath", "--set-rpath", f"{host}:{theirs}", path],
                           check=True)
    for path in [tree, *tree.rglob("*")]:
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o755 if path.is_dir() else 0o444))
    return tree / libraries / "bin"


class Writer:
    """tanist_fence_writer: holds the lease, on order."""

    def __init__(self, server, file="-"):
        self.process = subprocess.Popen([server.writer_program, server.data, server.system_identifier, file],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                        cwd="/", **as_account())
        self.pid = self.process.pid

    def __call__(self, order):
        self.process.stdin.write(order + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        assert answer == "ok", f"{order}: {answer or 'the writer has ended'}"

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


class Server:
    """One server without a daemon. `preload=False`: without the extension."""

    def __init__(self, bin_dir, *, preload=True, settings=None, data=None):
        self.bin = Path(bin_dir)
        self.major = versions.major_version(bin_dir)
        self.directory = temporary_directory("tf-")
        self.data = self.directory / "data"
        self.log = self.directory / "log"
        self.writer_program = shutil.copy2(binaries() / "tanist_fence_writer", self.directory / "tanist_fence_writer")
        self.writers = []
        if data:
            data(self)
        else:
            self._copy_template()
        wanted = {"listen_addresses": "", "unix_socket_directories": str(self.directory), "max_prepared_transactions": "10",
                  "wal_level": "logical", "wal_retrieve_retry_interval": "500ms", "max_connections": "40", "shared_buffers": "32MB",
                  "shared_preload_libraries": "tanist_fence" if preload else "", **(settings or {})}
        with open(self.data / "postgresql.conf", "a") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in wanted.items())

    def _copy_template(self):
        """What initdb makes, once for each installation: a copy is faster, and as good as a new one here."""
        template = self.bin.parents[4] / f"template-{self.major}"
        if not template.exists():
            made = self.directory / "template"
            self.run("initdb", "-D", made, "-A", "trust", "-N", "-U", "postgres", "--no-locale", "-E", "UTF8")
            shutil.copytree(made, template)
            shutil.rmtree(made)
        shutil.copytree(template, self.data)
        for path in [self.data, *self.data.rglob("*")]:
            give(path)

    def run(self, program, *arguments, check=True, **options):
        done = subprocess.run([str(self.bin / program), *map(str, arguments)], text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, cwd=self.directory, **as_account(), **options)
        assert not check or done.returncode == 0, f"{program}: {done.stdout}"
        return done

    def start(self):
        done = self.run("pg_ctl", "start", "-w", "-t", "30", "-D", self.data, "-l", self.log, check=False)
        assert done.returncode == 0, self.log.read_text()
        return self

    def stop(self, mode="fast"):
        self.run("pg_ctl", "stop", "-w", "-m", mode, "-D", self.data)

    def restart(self):
        self.stop()
        return self.start()

    def reload(self, **settings):
        """Settings that take effect at once, and have done so."""
        with open(self.data / "postgresql.conf", "a") as file:
            file.writelines(f"{name.replace('__', '.')} = '{value}'\n" for name, value in settings.items())
        self.run("pg_ctl", "reload", "-D", self.data)
        for name, value in settings.items():
            def shows():
                with self.connect() as connection:
                    return connection.execute(f"SHOW {name.replace('__', '.')}").fetchone()[0] == str(value)
            wait_until(f"{name} = {value}", shows, 10)

    @property
    def system_identifier(self):
        said = self.run("pg_controldata", self.data, env={"LC_ALL": "C"}).stdout
        return re.search(r"Database system identifier:\s+(\d+)", said).group(1)

    @property
    def fence_file(self):
        found = self.data.stat()
        return Path(f"/dev/shm/tanist_fence.{found.st_dev:x}.{found.st_ino:x}")

    def writer(self, file="-"):
        self.writers.append(Writer(self, file))
        return self.writers[-1]

    def order(self, *words, file="-"):
        """One order of a writer that ends after it."""
        done = subprocess.run([self.writer_program, self.data, self.system_identifier, str(file), *words], cwd="/", text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **as_account())
        assert done.returncode == 0, done.stdout

    def connect(self, **options):
        return psycopg.connect(host=str(self.directory), user=options.pop("user", "postgres"), dbname="postgres",
                               autocommit=options.pop("autocommit", True), **options)

    def query(self, statement, *parameters):
        with self.connect() as connection:
            cursor = connection.execute(statement, parameters or None)
            return cursor.fetchall() if cursor.description else None

    def value(self, statement, *parameters):
        return self.query(statement, *parameters)[0][0]

    @property
    def postmaster(self):
        return int((self.data / "postmaster.pid").read_text().split()[0])

    def processes(self):
        return processes_of(self.data)

    def logged(self, pattern, since=0):
        return re.search(pattern, self.log.read_text(errors="replace")[since:], re.M)

    def close(self):
        for writer in self.writers:
            writer.close()
        file = self.fence_file if self.data.exists() else None
        kill_all_of(self.data)
        if file:
            file.unlink(missing_ok=True)
        if not os.environ.get("TANIST_KEEP"):
            shutil.rmtree(self.directory, ignore_errors=True)
