#include "ctl/explain/meanings.h"

#include <gtest/gtest.h>

#include <map>

#include "ctl/settings.h"
#include "unit/cli/generated_file.h"

namespace tanist::ctl::explain {
namespace {

constexpr ha::Code kEachCode[] = {
#define TANIST_REASON(code, text, section) ha::Code::code,
#include "ha/model/reasons.inc"
#undef TANIST_REASON
};
constexpr ha::Rule kEachRule[] = {
#define TANIST_RULE(code, passed, failed, section) ha::Rule::code,
#include "ha/model/rules.inc"
#undef TANIST_RULE
};

TEST(Meanings, the_page_is_that_of_the_tables) {
  cli::test::expect_current(TANIST_SOURCE_DIR "/docs/reasons.md", meanings_page());
}

/// A paragraph: sentences, not a word, and not another's.
TEST(Meanings, each_code_and_rule_has_a_paragraph_of_its_own) {
  std::map<std::string_view, std::string_view> known;
  const auto expect_paragraph = [&](std::string_view name, std::string_view text) {
    EXPECT_GT(text.size(), 30u) << name;
    EXPECT_TRUE(text.ends_with('.')) << name << ": " << text;
    const auto [other, fresh] = known.emplace(text, name);
    EXPECT_TRUE(fresh) << name << " says the same as " << other->second;
  };
  for (const auto code : kEachCode) expect_paragraph(ha::code_name(code), meaning_of(code));
  for (const auto rule : kEachRule) expect_paragraph(ha::rule_name(rule), meaning_of(rule));
}

TEST(Meanings, what_is_not_logged_is_said_to_be_so) {
  for (const auto code : kEachCode) {
    const bool says = meaning_of(code).find("Not logged") != std::string_view::npos;
    EXPECT_EQ(says, ha::code_text(code).empty()) << ha::code_name(code);
  }
}

TEST(Meanings, one_is_told_by_its_name) {
  EXPECT_TRUE(told_meaning("lag_exceeded")
                  .starts_with("My wal position exceeds maximum replication lag\n\nThis member"));
  EXPECT_TRUE(told_meaning("streams").starts_with("Whether WAL arrives "));
  EXPECT_TRUE(told_meaning("acquiring").starts_with("Every rule was passed"));
  try {
    told_meaning("lag_exceded");
    FAIL();
  } catch (const Failure& failure) {
    EXPECT_STREQ(failure.what(), "there is no reason or rule 'lag_exceded'; did you mean 'lag_exceeded'?");
  }
}

TEST(Meanings, the_page_has_each_of_them) {
  const std::string page = meanings_page();
  for (const auto code : kEachCode)
    EXPECT_NE(page.find("\n### " + std::string(ha::code_name(code)) + "\n"), std::string::npos);
  for (const auto rule : kEachRule)
    EXPECT_NE(page.find("\n### " + std::string(ha::rule_name(rule)) + "\n"), std::string::npos);
}

}  // namespace
}  // namespace tanist::ctl::explain
