"""The list of mutations (tests/mutations/*.toml), and sources that hold them all behind a switch."""
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

FIELDS = {"name", "file", "line", "becomes", "below", "why", "by", "survives"}
NEEDED = {"name", "file", "line", "becomes", "why"}
TOKEN = re.compile(r"""
    (?P<skip> \s+ | //[^\n]* | /\*.*?\*/ ) |
    R"\((?:.*?)\)" | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])+' | [A-Za-z_][A-Za-z_0-9]* |
    [0-9](?:[0-9A-Za-z_.]|'(?=[0-9]))* | <=> | << | >>= | -> | :: | \+\+ | -- | && | \|\| | [-+*/%&|^=!<>]= | .
    """, re.VERBOSE | re.DOTALL)
OPENING, CLOSING = {"(": ")", "[": "]", "{": "}"}, {")", "]", "}"}
# Between these stands an expression that another may take the place of.
BEFORE = {"(", "[", "{", ",", ";", "=", "return", "co_return"}
AFTER = CLOSING | {",", ";"}
BEFORE_STATEMENT = {";", "{", "}", ")", ":", "else"}

SWITCH = """#pragma once

#include <cstdlib>

namespace tanist {

/// Which mutation is in force: TANIST_MUTANT names it.
inline bool mutant(int number) {
  static const int chosen = [] {
    const char* text = std::getenv("TANIST_MUTANT");
    return text ? std::atoi(text) : -1;
  }();
  return number == chosen;
}

}  // namespace tanist
"""
# A branch that never ends, and what only the right branch uses, are what a mutation is about.
HEAD = '#pragma clang diagnostic ignored "-Weverything"\n#include "core/mutant.h"\n'


class BadList(Exception):
    """What is wrong with the list, a line each."""


@dataclass
class Mutation:
    name: str
    file: str
    line: str
    becomes: str
    why: str
    below: str = ""
    by: str = ""
    survives: str = ""
    number: int = -1
    place: str = ""


def tokens(text):
    """(text, begin, end) of each; white space and comments are none."""
    return [(m.group(), m.start(), m.end()) for m in TOKEN.finditer(text) if m.group("skip") is None]


def words(text):
    return [token for token, _, _ in tokens(text)]


def read_list(folder):
    """Every mutation of the folder's files, in their order; raises BadList."""
    wrong, found = [], []
    for path in sorted(Path(folder).glob("*.toml")):
        try:
            entries = tomllib.loads(path.read_text(encoding="utf-8")).get("mutation", [])
        except tomllib.TOMLDecodeError as e:
            wrong.append(f"{path.name}: {e}")
            continue
        for number, entry in enumerate(entries, 1):
            where = f"{path.name}: {entry.get('name', f'number {number}')}"
            unknown, missing = sorted(set(entry) - FIELDS), sorted(NEEDED - set(entry))
            wrong += [f"{where}: there is no field {name}" for name in unknown]
            wrong += [f"{where}: the field {name} is missing" for name in missing]
            if len(entry.get("by", "a b").split()) != 2:
                wrong.append(f"{where}: `by` is a test binary and the name of a test, as in unit_ha_test lease_keeper.x")
            if not unknown and not missing:
                found.append(Mutation(**entry, place=where))
    for number, mutation in enumerate(found):
        mutation.number = number
        if any(other.name == mutation.name for other in found[:number]):
            wrong.append(f"{mutation.place}: another has this name")
        if words(mutation.line) == words(mutation.becomes):
            wrong.append(f"{mutation.place}: nothing changes")
    if wrong:
        raise BadList("\n".join(wrong))
    return found


def find(wanted, among, begin=0):
    """Where this run of tokens stands, from `begin` on."""
    texts = [token for token, _, _ in among]
    size = len(wanted)
    return [i for i in range(begin, len(texts) - size + 1) if texts[i:i + size] == wanted]


def place_of(mutation, source):
    """The first token of its line in the source, as an index; raises BadList."""
    begin = 0
    if mutation.below:
        marks = find(words(mutation.below), source)
        if len(marks) != 1:
            raise BadList(f"{mutation.place}: {mutation.file} has \"{mutation.below}\", below which the line is looked for, "
                          f"{len(marks)} times\nHINT: correct the entry")
        begin = marks[0]
    places = find(words(mutation.line), source, begin)
    if not places:
        raise BadList(f"{mutation.place}: {mutation.file} has no such line any more: {' '.join(mutation.line.split())}\n"
                      "HINT: break the rule as it stands now, or take the entry out where there is no such rule any more")
    if len(places) > 1 and not mutation.below:
        raise BadList(f"{mutation.place}: {mutation.file} has this line {len(places)} times: "
                      f"{' '.join(mutation.line.split())}\nHINT: say with `below` after which text it is the first")
    return places[0]


def outwards(texts, at, step):
    """From token `at` on (itself included) in one direction to the next border of an expression."""
    opens = CLOSING if step < 0 else set(OPENING)
    closes = set(OPENING) if step < 0 else CLOSING
    border = BEFORE if step < 0 else AFTER
    depth = 0
    while 0 <= at < len(texts):
        if depth == 0 and texts[at] in border:
            return at
        depth += (texts[at] in opens) - (texts[at] in closes)
        if depth < 0:
            return None
        at += step
    return None


def unmatched(texts):
    """How many brackets are closed that were not opened, and opened that are not closed."""
    closed = opened = 0
    for text in texts:
        if text in OPENING:
            opened += 1
        elif text in CLOSING and opened:
            opened -= 1
        elif text in CLOSING:
            closed += 1
    return closed, opened


def balanced(texts):
    return unmatched(texts) == (0, 0)


def lists_several(texts):
    """More than one expression: in brackets the last of them would be all that is left."""
    depth = 0
    for text in texts:
        depth += (text in OPENING) - (text in CLOSING)
        if text == "," and depth == 0:
            return True
    return False


# What begins with one of these is no expression.
STATEMENTS = {"if", "else", "return", "co_return", "for", "while", "break", "continue", "switch", "case"}


def expression_around(ours, theirs, first=0, last=None):
    """What has to be exchanged where they differ: (begin, end, end in the other); None: no expression. `first` and `last`: what
    is before and behind is the same in any case."""
    shortest = min(len(ours), len(theirs))
    head = next((i for i in range(first, shortest) if ours[i] != theirs[i]), shortest)
    same = 0 if last is None else len(ours) - last
    tail = next((i for i in range(same, shortest - head) if ours[-1 - i] != theirs[-1 - i]), shortest - head)
    begin, end = outwards(ours, head - 1, -1), outwards(ours, len(ours) - tail, 1)
    while begin is not None and end is not None:
        other_end = len(theirs) - (len(ours) - end)
        inside, instead = ours[begin + 1:end], theirs[begin + 1:other_end]
        if STATEMENTS & {*inside, *instead} or lists_several(inside) or lists_several(instead):
            return None
        (closed, opened), (closed_there, opened_there) = unmatched(inside), unmatched(instead)
        if inside and instead and not closed + opened + closed_there + opened_there:
            return begin + 1, end, other_end
        # Widened on the side where a bracket is missing.
        if not opened and not opened_there or closed or closed_there:
            begin = outwards(ours, begin - 1, -1)
        else:
            end = outwards(ours, end + 1, 1)
    return None


@dataclass
class Change:
    begin: int
    end: int
    mutation: Mutation
    instead: str
    statement: bool


def change_of(mutation, source):
    """Which tokens of the source it exchanges, and for what."""
    first, line = place_of(mutation, source), words(mutation.line)
    last, becomes = first + len(line), words(mutation.becomes)
    texts = [token for token, _, _ in source]
    statement = (line[-1] in (";", "}") and balanced(line) and balanced(becomes) and
                 (first == 0 or texts[first - 1] in BEFORE_STATEMENT))
    parts = expression_around(line, becomes) if becomes else None
    if parts:
        parts = (first + parts[0], first + parts[1], first + parts[2])
    elif becomes and not statement:
        parts = expression_around(texts, texts[:first] + becomes + texts[last:], first, last)
    if parts:
        begin, end, other_end = parts
        instead = " ".join((texts[:first] + becomes + texts[last:])[begin:other_end])
        return Change(begin, end, mutation, instead, False)
    if not statement:
        raise BadList(f"{mutation.place}: neither an expression nor a whole statement changes\n"
                      "HINT: let the line begin and end where a statement does")
    return Change(first, last, mutation, mutation.becomes, True)


def render(text, source, changes, begin, end):
    """The source's tokens from `begin` to `end`, each change of them behind its switch. Changes that hold others come first."""
    out, at = [], begin
    rest = list(changes)
    while rest:
        change = rest.pop(0)
        inner = [c for c in rest if c.end <= change.end]
        if any(c.begin < change.end < c.end for c in rest):
            other = next(c for c in rest if c.begin < change.end < c.end)
            raise BadList(f"{change.mutation.place} and {other.mutation.place} overlap")
        rest = [c for c in rest if c.begin >= change.end]
        if change.begin > at:
            out.append(text[source[at][1]:source[change.begin][1]])
        right = render(text, source, inner, change.begin, change.end)
        number = change.mutation.number
        if change.statement:
            out.append(f"if (::tanist::mutant({number})) {{ {change.instead} }} else {{ {right} }}")
        else:
            out.append(f"(::tanist::mutant({number}) ? ({change.instead}) : ({right}))")
        at = change.end
        if at < len(source):
            out.append(text[source[at - 1][2]:source[at][1]])
    if at < end:
        out.append(text[source[at][1]:source[end - 1][2]])
    return "".join(out)


def with_switches(text, mutations):
    """The text of one source file with these mutations in it; raises BadList."""
    source, wrong, changes = tokens(text), [], []
    for mutation in mutations:
        try:
            changes.append(change_of(mutation, source))
        except BadList as e:
            wrong.append(str(e))
    if wrong:
        raise BadList("\n".join(wrong))
    changes.sort(key=lambda c: (c.begin, -c.end))
    return HEAD + text[:source[0][1]] + render(text, source, changes, 0, len(source)) + "\n"
