"""What the tool makes of lines and lists: run before each use."""
import mutations as m


def changed(line, becomes, text=None):
    entry = m.Mutation(name="x", file="f.cc", line=line, becomes=becomes, why="", number=7, place="list: x")
    return m.with_switches(text or line, [entry])[len(m.HEAD):].strip()


def refused(line, becomes, text):
    try:
        changed(line, becomes, text)
    except m.BadList as e:
        return str(e)
    return ""


def run():
    assert changed("if (a || b(c, d)) return x;", "if (a) return x;") == \
        "if ((::tanist::mutant(7) ? (a) : (a || b(c, d)))) return x;"
    assert changed("f(a, b + 1);", "f(a, b);") == "f(a, (::tanist::mutant(7) ? (b) : (b + 1)));"
    assert changed("const bool x = a && b;", "const bool x = a;") == "const bool x = (::tanist::mutant(7) ? (a) : (a && b));"
    assert changed("return a < b;", "return a <= b;") == "return (::tanist::mutant(7) ? (a <= b) : (a < b));"
    assert changed("if (!x) {", "if (false) {", "if (!x) { y(); }") == "if ((::tanist::mutant(7) ? (false) : (!x))) { y(); }"
    assert changed("f();", "", "{ f(); }") == "{ if (::tanist::mutant(7)) {  } else { f(); } }"
    assert changed("f();", "g();") == "if (::tanist::mutant(7)) { g(); } else { f(); }"
    # White space and comments of the source do not count.
    assert changed("if (a && b) c();", "if (a) c();", "if (a  // why\n && b)\n c();").startswith("if ((::tanist::mutant(7)")
    # Part of an expression that goes on beyond the line.
    assert changed("return a ||", "return", "return a || b;") == "return (::tanist::mutant(7) ? (b) : (a || b));"
    assert "no such line any more" in refused("f();", "", "g();")
    assert "2 times" in refused("f();", "", "f(); f();")
    assert "neither an expression nor a whole statement" in refused("f() +", "g() +", "f() + 1;")
    assert "neither an expression nor a whole statement" in refused("x{a, b}", "x{b}", "auto x{a, b};")
    outer = m.Mutation(name="o", file="f.cc", line="if (a && b) c();", becomes="", why="", number=1, place="o")
    inner = m.Mutation(name="i", file="f.cc", line="(a && b)", becomes="(a)", why="", number=2, place="i")
    both = m.with_switches("if (a && b) c(); d();", [inner, outer])[len(m.HEAD):].strip()
    assert both == ("if (::tanist::mutant(1)) {  } else { if ((::tanist::mutant(2) ? (a) : (a && b))) c(); } d();"), both
