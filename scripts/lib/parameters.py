"""Compares the table of PostgreSQL's parameters with a running server, or merges into it what the server says."""
import argparse
import subprocess
import sys
from pathlib import Path

QUERY = """SELECT lower(name), vartype, coalesce(unit, ''), coalesce(min_val, ''), coalesce(max_val, ''),
  coalesce(array_to_string(enumvals, '|'), '') FROM pg_settings
  WHERE context <> 'internal' AND position('.' in name) = 0 ORDER BY lower(name) COLLATE "C\""""

# Configured by other means, with a table of their own in the sources.
RECOVERY = {"archive_cleanup_command", "pause_at_recovery_target", "primary_conninfo", "primary_slot_name",
            "promote_trigger_file", "recovery_end_command", "recovery_min_apply_delay", "recovery_target",
            "recovery_target_action", "recovery_target_inclusive", "recovery_target_lsn", "recovery_target_name",
            "recovery_target_time", "recovery_target_timeline", "recovery_target_xid", "restore_command"}

TYPES = {"bool": "bool", "string": "string", "integer": "int", "real": "real", "enum": "enum"}
TRUTHS = {"on", "off", "true", "false", "yes", "no", "1", "0"}
# Their words depend on how and where the server was built: those of the table may be more.
BUILD_DEPENDENT = {"default_toast_compression", "wal_compression", "wal_sync_method", "dynamic_shared_memory_type",
                   "shared_memory_type", "recovery_init_sync_method", "io_method", "file_copy_method"}


def number_of(version):
    """`15` or `14.5` or `9.6` as PostgreSQL numbers versions."""
    first, _, second = version.partition(".")
    return int(first) * 10000 + int(second or 0) * (1 if int(first) >= 10 else 100)


def major_of(number):
    return str(number // 10000) if number >= 100000 else f"{number // 10000}.{number // 100 % 100}"


class Row:
    """A line of the table."""

    def __init__(self, name, spans, kind, rest):
        self.name, self.spans, self.kind, self.rest = name, spans, kind, rest

    @classmethod
    def parse(cls, line):
        name, spans, kind, *rest = line.split(" ", 3)
        return cls(name, spans, kind, rest[0] if rest else "")

    def __str__(self):
        words = [self.name, self.spans, self.kind]
        if self.rest or self.kind.startswith("enum"):
            words.append(self.rest)
        return " ".join(words)

    def bounds(self):
        for span in self.spans.split(","):
            first, _, last = span.partition("-")
            yield number_of(first) if first else 0, number_of(last) if last else 10**7

    def covers(self, version):
        return any(first <= version < last for first, last in self.bounds())

    def begins(self):
        return min(first for first, _ in self.bounds())

    def differences(self, other):
        """How a row made from the server's answer (`other`) disagrees with this one."""
        if self.kind.startswith("enum") and other.kind.startswith("enum"):
            mine, theirs = set(self.rest.split("|")), set(other.rest.split("|"))
            if self.kind != other.kind:
                yield f"is {other.kind}, not {self.kind}"
            if theirs - mine:
                yield f"also takes {', '.join(sorted(theirs - mine))}"
            if mine - theirs and self.name not in BUILD_DEPENDENT:
                yield f"does not take {', '.join(sorted(mine - theirs))}"
        elif self.kind != other.kind:
            yield f"is {other.kind}, not {self.kind}"
        elif self.kind in ("int", "real"):
            mine, _, unit = self.rest.partition(" ")
            theirs, _, their_unit = other.rest.partition(" ")
            if [float(x) for x in mine.split("..")] != [float(x) for x in theirs.split("..")]:
                yield f"takes {theirs}, not {mine}"
            if unit != their_unit:
                yield f"has the unit '{their_unit}', not '{unit}'"


class Table:
    """The data file: comments, the lines of the table, the end of the literal."""

    def __init__(self, path):
        self.path = path
        lines = path.read_text().splitlines()
        begin, end = lines.index('R"table('), lines.index(')table"')
        self.head, self.tail = lines[:begin + 1], lines[end:]
        self.rows = [Row.parse(line) for line in lines[begin + 1:end]]

    def find(self, name, version):
        return next((row for row in self.rows if row.name == name and row.covers(version)), None)

    def write(self):
        self.rows.sort(key=lambda row: (row.name, row.begins()))
        self.path.write_text("\n".join([*self.head, *map(str, self.rows), *self.tail]) + "\n")


def ask(conninfo):
    """The version of a server and its parameters as rows, by name."""
    def psql(sql):
        command = ["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-F", "\t", "-d", conninfo, "-c", sql]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"parameters: psql: {done.stderr.strip()}")
        return done.stdout.splitlines()

    version = int(psql("SHOW server_version_num")[0])
    found = {}
    for line in psql(QUERY):
        name, vartype, unit, low, high, words = line.split("\t")
        kind, rest = TYPES[vartype], ""
        if kind == "enum":
            spoken = words.split("|")
            if {"on", "off"} <= set(spoken):
                kind = "enumbool"
                spoken = [word for word in spoken if word not in TRUTHS]
            rest = "|".join(word.lower() for word in spoken)
        elif kind in ("int", "real"):
            rest = f"{low}..{high}" + (f" {unit}" if unit else "")
        if name not in RECOVERY:
            found[name] = Row(name, "-", kind, rest)
    return version, found


# Of those that a reload does not bring to all sessions, by name; recovery's are told nowhere.
CONTEXTS = {"postmaster": "postmaster", "backend": "backend", "superuser-backend": "backend"}


def contexts_of(conninfo):
    """What this server says of them."""
    sql = "SELECT lower(name), context FROM pg_settings WHERE context <> 'internal' AND position('.' in name) = 0"
    command = ["psql", "-XAtq", "-F", "\t", "-d", conninfo, "-c", sql]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    rows = (line.split("\t") for line in done.stdout.splitlines())
    return {name: CONTEXTS.get(context, "") for name, context in rows if name not in RECOVERY}


def wrong_contexts(table, version, found):
    for name, theirs in sorted(found.items()):
        row = table.find(name, version)
        mine = row.kind if row else ""
        if mine != theirs:
            yield f"{name}: its context is {theirs or 'none of these'}, not {mine or 'none of these'} (contexts.inc)"


def compare(table, version, found):
    """Lines that tell where table and server disagree."""
    for name, theirs in sorted(found.items()):
        if mine := table.find(name, version):
            yield from (f"{name}: {difference}" for difference in mine.differences(theirs))
    for row in table.rows:
        if row.covers(version) and row.name not in found:
            yield f"{row.name}: is in the table, but the server does not have it"


def unlisted(table, version, found):
    """Names that only the server knows: minor releases and distributions add some. Tanist asks it about them."""
    return [name for name in sorted(found) if not table.find(name, version)]


def merge(table, version, found):
    """The server's word counts from its major version on, until a later row of the same name."""
    major = major_of(version)

    def end(row):
        spans = row.spans.split(",")
        at = next(i for i, (first, last) in enumerate(row.bounds()) if first <= version < last)
        first, last = spans[at].split("-")
        if first and number_of(first) >= number_of(major):
            del spans[at]  # said of this very version: replaced as a whole
        else:
            spans[at] = f"{first}-{major}"
        row.spans = ",".join(spans)
        if not spans:
            table.rows.remove(row)
        return last

    for name, theirs in found.items():
        mine = table.find(name, version)
        if mine is None:
            # New with this major version; or with a minor one, then older and newer ones may not have it: a server does
            # not start with a name that it does not know.
            minor = version % (10000 if version >= 100000 else 100)
            span = f"{major}.{minor}-{int(major) + 1}" if minor and version >= 100000 else f"{major}-"
            table.rows.append(Row(name, span, theirs.kind, theirs.rest))
        elif list(mine.differences(theirs)):
            table.rows.append(Row(name, f"{major}-{end(mine)}", theirs.kind, theirs.rest))
    for row in [row for row in table.rows if row.covers(version) and row.name not in found]:
        end(row)


def main():
    parser = argparse.ArgumentParser(prog="scripts/parameters", description=__doc__)
    parser.add_argument("--table", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--check", action="store_true", help="change nothing, tell what differs")
    parser.add_argument("conninfo", nargs="?", default="dbname=postgres")
    options = parser.parse_args()
    table = Table(options.table)
    version, found = ask(options.conninfo)
    if options.check:
        contexts = Table(options.table.parent / "contexts.inc")
        differences = [*compare(table, version, found),
                       *wrong_contexts(contexts, version, contexts_of(options.conninfo))]
        print("\n".join(differences or [f"the table says what PostgreSQL {major_of(version)} says"]))
        for name in unlisted(table, version, found):
            print(f"note: {name} is not in the table")
        sys.exit(1 if differences else 0)
    before = [str(row) for row in table.rows]
    merge(table, version, found)
    table.write()
    now = [str(row) for row in table.rows]
    for line in sorted(set(before) - set(now)):
        print("-", line)
    for line in sorted(set(now) - set(before)):
        print("+", line)


if __name__ == "__main__":
    main()
