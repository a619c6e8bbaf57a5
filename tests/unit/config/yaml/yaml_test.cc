#include "config/yaml/yaml.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tanist::config {
namespace {

using ::testing::HasSubstr;

Document parse(std::string_view text) {
  Problems warnings;
  auto parsed = parse_yaml(text, "f.yml", warnings);
  EXPECT_TRUE(parsed) << (parsed ? "" : to_string(parsed.error()));
  return parsed ? *parsed : Document();
}

Problem failure(std::string_view text) {
  Problems warnings;
  auto parsed = parse_yaml(text, "f.yml", warnings);
  EXPECT_FALSE(parsed) << text;
  return parsed ? Problem{} : parsed.error();
}

Problems warnings_of(std::string_view text) {
  Problems warnings;
  EXPECT_TRUE(parse_yaml(text, "f.yml", warnings));
  return warnings;
}

TEST(Yaml, an_empty_file_is_null) {
  EXPECT_TRUE(parse("").is_null());
  EXPECT_TRUE(parse("# nothing\n\n").is_null());
  EXPECT_TRUE(parse("---\n").is_null());
  EXPECT_TRUE(parse("--- \n...\n").is_null());
}

TEST(Yaml, quoted_scalars_are_strings) {
  const auto d = parse("a: '1'\nb: \"yes\"\nc: |\n  5\nd: >\n  null\ne: ''\nf:\n");
  EXPECT_EQ(to_json(d), R"({"a":"1","b":"yes","c":"5\n","d":"null\n","e":"","f":null})");
}

TEST(Yaml, core_tags_decide_the_type) {
  const auto d = parse(
      "a: !!str 010\nb: !!int '0x10'\nc: !!float 1\nd: !!bool 'Yes'\ne: !!null x\nf: ! 12\ng: !!str\n"
      "h: !!seq [1]\ni: !!map {a: 1}\n");
  EXPECT_EQ(to_json(d), R"({"a":"010","b":16,"c":1.0,"d":true,"e":null,"f":12,"g":"","h":[1],"i":{"a":1}})");
}

TEST(Yaml, timestamps_stay_text) {
  EXPECT_EQ(to_json(parse("a: 2024-01-02\nb: 2001-12-14t21:59:43.10-05:00\n")),
            R"({"a":"2024-01-02","b":"2001-12-14t21:59:43.10-05:00"})");
}

TEST(Yaml, aliases_repeat_their_anchor) {
  EXPECT_EQ(to_json(parse("a: &x {p: 1}\nb: *x\nc: [*x, &y z, *y]\n")),
            R"({"a":{"p":1},"b":{"p":1},"c":[{"p":1},"z","z"]})");
}

TEST(Yaml, merge_keys_give_defaults_to_a_mapping) {
  // The values below were read with PyYAML.
  EXPECT_EQ(parse("a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\n").find("b")->text(), "{'x': 1, 'y': 3}");
  EXPECT_EQ(parse("a: &a {x: 1, y: 2}\nb:\n  y: 3\n  <<: *a\n").find("b")->text(), "{'x': 1, 'y': 3}");
  EXPECT_EQ(parse("a: &a {x: 1}\nb: &b {x: 2, z: 5}\nc: {<<: [*a, *b], y: 1}\n").find("c")->text(),
            "{'x': 1, 'z': 5, 'y': 1}");
  EXPECT_EQ(parse("a: &a {x: 1}\nb: &b {<<: *a, y: 2}\nc: {<<: *b}\n").find("c")->text(), "{'x': 1, 'y': 2}");
  EXPECT_EQ(parse("{<<: {a: 1}, <<: {a: 2, b: 3}}").text(), "{'a': 2, 'b': 3}");
  EXPECT_EQ(parse("'<<': 1\n").text(), "{'<<': 1}");
}

TEST(Yaml, merging_something_else_is_an_error) {
  EXPECT_THAT(failure("a: {<<: 5}").text, HasSubstr("needs a mapping"));
  EXPECT_THAT(failure("a: {<<: [1]}").text, HasSubstr("list of mappings"));
  EXPECT_THAT(failure("a: <<\n").text, HasSubstr("only as a key"));
  EXPECT_THAT(failure("a: [=]\n").text, HasSubstr("only as a key"));
}

TEST(Yaml, keys_that_are_no_strings_are_written_as_json_writes_them) {
  EXPECT_EQ(to_json(parse("{1: a, yes: b, ~: c, 1.5: d, 0x10: e, =: f}")),
            R"({"1":"a","true":"b","null":"c","1.5":"d","16":"e","=":"f"})");
  EXPECT_THAT(failure("{[1]: a}").text, HasSubstr("must be a scalar"));
  EXPECT_THAT(failure("? {a: b}\n: c\n").text, HasSubstr("must be a scalar"));
  const auto warnings = warnings_of("on: 1\n");
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_EQ(to_string(warnings[0]),
            "f.yml:1:1: true: this key is read as true, not as text\nHINT: put the key in quotes");
}

TEST(Yaml, a_repeated_key_is_a_warning_and_the_last_one_counts) {
  Problems warnings;
  const auto d = parse_yaml("a: 1\nb: 2\na: 3\n", "f.yml", warnings);
  EXPECT_EQ(d->text(), "{'a': 3, 'b': 2}");
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_EQ(to_string(warnings[0]), "f.yml:3:1: a: repeated key, first given in line 1; the last one counts");
  EXPECT_EQ(warnings[0].severity, Severity::warning);
}

TEST(Yaml, base60_numbers_are_a_warning) {
  const auto warnings = warnings_of("port: 54:32\n");
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_THAT(to_string(warnings[0]),
              HasSubstr("f.yml:1:7: the text that begins here is a number in base 60"));
  EXPECT_TRUE(warnings_of("port: '54:32'\n").empty());
}

TEST(Yaml, values_and_keys_know_their_lines) {
  const auto d = parse("a: 1\nb:\n  c:\n    - x\n    - y\n");
  EXPECT_EQ(d.entries()[1].line, 2);
  EXPECT_EQ(d.find_path("b.c")->line, 4);
  EXPECT_EQ(d.find_path("b.c")->as_list()[1].line, 5);
}

TEST(Yaml, a_second_document_is_an_error) {
  const auto problem = failure("a: 1\n---\nb: 2\n");
  EXPECT_EQ(problem.line, 2);
  EXPECT_THAT(problem.text, HasSubstr("second document"));
}

TEST(Yaml, unknown_tags_are_errors) {
  for (const char* text :
       {"a: !!python/object/apply:os.system ['id']", "!foo bar", "a: !!binary aGk=", "a: !!set {x}",
        "a: !!omap [x: 1]", "a: !!int foo", "a: !!bool maybe", "a: !!float 1..2"})
    EXPECT_EQ(failure(text).line, 1) << text;
  EXPECT_EQ(failure("a:\n  b: !!python/name:x ''\n").text,
            "invalid YAML: the tag that begins here is not supported");
}

TEST(Yaml, aliases_without_anchor_or_inside_it_are_errors) {
  EXPECT_EQ(failure("a: *nope\n").text, "invalid YAML: the alias that begins here has no anchor before it");
  EXPECT_THAT(failure("&x [*x]").text, HasSubstr("inside the value it refers to"));
  EXPECT_THAT(failure("a: &x {b: *x}").text, HasSubstr("inside the value it refers to"));
  EXPECT_THAT(failure("a: &x 1\nb: &x 2\n").text, HasSubstr("defined twice"));
}

TEST(Yaml, an_alias_bomb_ends_in_an_error) {
  std::string bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
  for (int i = 1; i < 12; ++i) {
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int j = 0; j < 10; ++j) bomb += (j ? ",*a" : "*a") + std::to_string(i - 1);
    bomb += "]\n";
  }
  EXPECT_THAT(failure(bomb).text, HasSubstr("more than 50000 values"));
}

TEST(Yaml, depth_is_bounded) {
  EXPECT_THAT(failure(std::string(100000, '[')).text, HasSubstr("nested deeper than 100 levels"));
  EXPECT_THAT(failure(std::string(5000, '{')).text, HasSubstr("nested deeper than 100 levels"));
  std::string dashes;
  for (int i = 0; i < 3000; ++i) dashes += "- ";
  EXPECT_THAT(failure(dashes).text, HasSubstr("nested deeper than 100 levels"));
  EXPECT_TRUE(parse(std::string(90, '[') + std::string(90, ']')).is_list());
}

TEST(Yaml, ten_megabytes_of_garbage_are_refused_at_once) {
  EXPECT_THAT(failure(std::string(10 << 20, 'x')).text, HasSubstr("are no configuration"));
  EXPECT_FALSE(failure(std::string(kMaxYamlBytes, '"')).text.empty());
  std::string lines;
  while (lines.size() < kMaxYamlBytes - 100) lines += "key" + std::to_string(lines.size()) + ": value\n";
  EXPECT_THAT(failure(lines).text, HasSubstr("more than 5000 keys in one mapping"));
  std::string items;
  while (items.size() < kMaxYamlBytes - 100) items += "- x\n";
  EXPECT_THAT(failure(items).text, HasSubstr("more than 50000 values"));
}

TEST(Yaml, syntax_errors_name_line_and_column) {
  const auto tab = failure("a:\n\tb: 1\n");
  EXPECT_EQ(tab.line, 2);
  EXPECT_THAT(tab.hint, HasSubstr("tabs are not allowed"));
  const auto mapping = failure("a: b: c\n");
  EXPECT_EQ(mapping.line, 1);
  EXPECT_EQ(mapping.column, 5);
  EXPECT_THAT(to_string(mapping),
              HasSubstr("f.yml:1:5: invalid YAML: mapping values are not allowed in this context"));
  EXPECT_THAT(to_string(failure("a: [1\nb: 2\n")), HasSubstr("while parsing a flow sequence at line 1"));
  EXPECT_EQ(failure("a: 1\n b: 2\n").line, 2);
  EXPECT_EQ(failure("a: ok\nb: \xff\xfe\n").line, 2);
  EXPECT_EQ(failure(std::string("a: 1\nb: \0\n", 10)).line, 2);
  EXPECT_EQ(failure("a: 'x").line, 1);
}

}  // namespace
}  // namespace tanist::config
