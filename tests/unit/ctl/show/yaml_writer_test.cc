#include "ctl/show/yaml_writer.h"

#include <gtest/gtest.h>

namespace tanist::ctl {
namespace {

std::string value(const char* text) {
  std::string out = to_yaml(Document::map({{"k", text}}));
  EXPECT_TRUE(out.starts_with("k: "));
  return out.substr(3, out.size() - 4);
}

TEST(YamlWriter, block_style_with_sorted_keys) {
  const Document config = Document::map(
      {{"ttl", 30},
       {"postgresql",
        Document::map({{"use_pg_rewind", true},
                       {"parameters", Document::map({{"work_mem", "8MB"}, {"max_connections", 200}})},
                       {"pg_hba", Document::list({"local all all trust", "host all all all md5"})},
                       {"recovery_conf", Document::map()},
                       {"callbacks", Document()}})},
       {"tags", Document::list()},
       {"nested", Document::list({Document::list({1, 2}),
                                  Document::map({{"b", 1}, {"a", Document::list({"x"})}}), Document::map()})},
       {"ratio", 1.5},
       {"whole", 1.0}});
  EXPECT_EQ(to_yaml(config), R"(nested:
- - 1
  - 2
- a:
  - x
  b: 1
- {}
postgresql:
  callbacks: null
  parameters:
    max_connections: 200
    work_mem: 8MB
  pg_hba:
  - local all all trust
  - host all all all md5
  recovery_conf: {}
  use_pg_rewind: true
ratio: 1.5
tags: []
ttl: 30
whole: 1.0
)");
}

TEST(YamlWriter, strings_that_would_be_read_as_something_else_are_quoted) {
  for (const char* text : {"",
                           "on",
                           "off",
                           "Yes",
                           "no",
                           "true",
                           "null",
                           "~",
                           "100",
                           "-5",
                           "+1",
                           "010",
                           "0x10",
                           "0b1",
                           "1_000",
                           "12:30",
                           "1.5",
                           "1.",
                           ".5",
                           "1.0e+3",
                           ".inf",
                           "-.inf",
                           ".nan",
                           "2031-01-01",
                           "2031-01-01 10:00:00",
                           "2031-1-1T1:00:00.5Z",
                           "2031-01-01T10:00:00+02:00",
                           "=",
                           "<<",
                           " lead",
                           "trail ",
                           "a: b",
                           "a #b",
                           "#a",
                           "*a",
                           "&a",
                           "!a",
                           "%a",
                           "@a",
                           "`a",
                           "|a",
                           ">a",
                           "'a'",
                           "\"a\"",
                           "- a",
                           "-",
                           "? a",
                           "?",
                           ": a",
                           ":",
                           "a:",
                           "[a]",
                           "{a}",
                           ",a",
                           "---",
                           "...a",
                           "8:30:00"}) {
    std::string quoted = "'";
    for (const char c : std::string(text)) quoted += c == '\'' ? std::string("''") : std::string(1, c);
    EXPECT_EQ(value(text), quoted + "'");
  }
}

TEST(YamlWriter, other_strings_stay_plain) {
  for (const char* text : {"a",
                           "pga",
                           "10.1.0.11",
                           "0/7000098",
                           "1e3",
                           "1 MB",
                           "8kB",
                           "a:b",
                           "a#b",
                           "-a",
                           "?a",
                           ":a",
                           "postgres://u@h:5/d",
                           "it's",
                           "a, b",
                           "x [y] {z}",
                           "2031-13",
                           "Zürich",
                           "日本",
                           "y",
                           "09a",
                           "cp /a/%f \"%p\"",
                           "1:2:3:4x",
                           "20310101T1"}) {
    EXPECT_EQ(value(text), text);
  }
}

TEST(YamlWriter, control_characters_need_double_quotes) {
  EXPECT_EQ(value("a\tb"), R"("a\tb")");
  EXPECT_EQ(value("a\x1b"), R"("a\e")");
  EXPECT_EQ(value("a \nb"), R"("a \nb")");
  EXPECT_EQ(value("q\"\\\x01"), R"("q\"\\\x01")");
}

TEST(YamlWriter, line_breaks_are_kept_in_single_quotes) {
  EXPECT_EQ(to_yaml(Document::map({{"k", "a\nb"}})), "k: 'a\n\n  b'\n");
  EXPECT_EQ(to_yaml(Document::map({{"k", "a\n\nb\n"}})), "k: 'a\n\n\n  b\n\n  '\n");
}

TEST(YamlWriter, long_lines_are_folded_at_blanks) {
  std::string words;
  for (int i = 0; i < 60; ++i) words += "word ";
  words += "end";
  const std::string out = to_yaml(Document::map({{"key", words}}));
  const auto first = out.find('\n');
  EXPECT_EQ(first, 204u);
  EXPECT_EQ(out.substr(first, 7), "\n  word");
}

TEST(YamlWriter, flow_style) {
  EXPECT_EQ(to_flow_yaml(Document::map({{"b", "x"}, {"a", 1}})), "{a: 1, b: x}");
  EXPECT_EQ(to_flow_yaml(Document::map(
                {{"l", Document::list({"a:b", "c", Document(), true})}, {"m", Document::map()}})),
            "{l: ['a:b', c, null, true], m: {}}");
  EXPECT_EQ(to_flow_yaml(Document::map({{"on", "a,b"}})), "{'on': 'a,b'}");
  EXPECT_EQ(to_flow_yaml(Document::map({{"k", "a\nb"}})), R"({k: "a\nb"})");
}

TEST(YamlWriter, a_lone_value) {
  EXPECT_EQ(to_yaml(Document::map()), "{}\n");
  EXPECT_EQ(to_yaml(Document::list()), "[]\n");
}

}  // namespace
}  // namespace tanist::ctl
