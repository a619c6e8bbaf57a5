#include "setup/yaml_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/yaml/yaml.h"
#include "setup/template.h"

namespace tanist::setup {
namespace {

TEST(YamlText, what_is_written_is_read_back) {
  const std::vector<Document> values = {
      Document(),
      Document(true),
      Document(-5),
      Document(1.5),
      Document(1e300),
      Document(""),
      Document("plain"),
      Document("yes"),
      Document("0644"),
      Document("1:30"),
      Document("null"),
      Document("~"),
      Document(kFixMe),
      Document("a: b"),
      Document("a #b"),
      Document(" a"),
      Document("a "),
      Document("it's"),
      Document("- x"),
      Document("-x"),
      Document("*a"),
      Document("&a"),
      Document("!a"),
      Document("{a}"),
      Document("[a]"),
      Document("two\nlines\n"),
      Document("tab\there"),
      Document("bell\a"),
      Document("\"q\""),
      Document("back\\slash"),
      Document("caf\xc3\xa9"),
      Document("\xf0\x9f\x90\x98"),
      Document("2024-01-02"),
      Document("="),
      Document("<<"),
      Document("0x1F"),
      Document(".inf"),
      Document("%(message)s"),
      Document("@a"),
      Document("host all all ::1/128 md5"),
      Document("a:"),
      Document("---"),
      Document("..."),
      Document(std::string(500, 'x')),
      Document::list(),
      Document::map(),
      Document::list({1, Document::list({2, "b"}), Document::map({{"k", "v"}, {"l", Document::list({3})}})}),
      Document::map({{"a", Document::map({{"b", Document::list({Document::map(
                                                    {{"c", 1}, {"d", Document::map({{"e", ""}})}})})}})},
                     {"on", 1},
                     {"", 2},
                     {"with: colon", 3}})};
  for (const auto& value : values) {
    const Document whole = Document::map({{"key", value}});
    const std::string text = yaml_block(whole);
    config::Problems problems;
    const auto read = config::parse_yaml(text, "t", problems);
    ASSERT_TRUE(read) << text;
    EXPECT_EQ(*read, whole) << text;
  }
}

TEST(YamlText, keys_are_sorted_and_lists_stand_under_their_key) {
  EXPECT_EQ(
      yaml_block(Document::map({{"b", Document::list({1, Document::map({{"z", 1}, {"a", 2}})})}, {"a", ""}})),
      "a: ''\nb:\n- 1\n- a: 2\n  z: 1\n");
}

}  // namespace
}  // namespace tanist::setup
