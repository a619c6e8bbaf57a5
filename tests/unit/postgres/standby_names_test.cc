#include "postgres/standby_names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace tanist::postgres {
namespace {

using testing::ElementsAre;

constexpr int kOldest = 90500;
constexpr int kWithoutAny = 90624;
constexpr int kCurrent = 150004;
const std::string kPlaceholder(kStrictPlaceholder);

NameSet names_of(std::initializer_list<std::string> names) {
  return NameSet(names);
}

StandbyNames value_of(std::string_view text) {
  const auto value = parse_standby_names(text);
  EXPECT_TRUE(value) << text << ": " << value.error();
  return value.value_or(StandbyNames{});
}

StandbyNames priority(int count, NameSet names) {
  return {.kind = StandbyNames::Kind::priority, .count = count, .names = std::move(names)};
}

StandbyNames quorum(int count, NameSet names) {
  return {.kind = StandbyNames::Kind::quorum, .count = count, .names = std::move(names)};
}

TEST(StandbyNames, all_forms_are_read) {
  EXPECT_EQ(value_of(""), StandbyNames{});
  EXPECT_EQ(value_of("n1"), priority(1, names_of({"n1"})));
  EXPECT_EQ(value_of("n1, n2"), priority(1, names_of({"n1", "n2"})));
  EXPECT_EQ(value_of("2 (n1,n2)"), priority(2, names_of({"n1", "n2"})));
  EXPECT_EQ(value_of("first 2(n1,n2,n3)"), priority(2, names_of({"n1", "n2", "n3"})));
  EXPECT_EQ(value_of(" ANY\t1 ( n1 ,\n n2 ) "), quorum(1, names_of({"n1", "n2"})));
  EXPECT_EQ(value_of("1"), priority(1, names_of({"1"})));
  EXPECT_EQ(value_of("3,4"), priority(1, names_of({"3", "4"})));
  EXPECT_EQ(value_of("ANY 1 (1,n1,2)"), quorum(1, names_of({"1", "2", "n1"})));
}

TEST(StandbyNames, quoted_ones_may_be_anything) {
  EXPECT_THAT(value_of("\"a-b\", \"c \"\"d\"\"\", \"\"").names, ElementsAre("", "a-b", "c \"d\""));
  EXPECT_THAT(value_of("\"any\",\"FIRST\"").names, ElementsAre("any", "FIRST"));
  EXPECT_THAT(value_of("M\xc3\xbcller$1").names, ElementsAre("M\xc3\xbcller$1"));
}

TEST(StandbyNames, keywords_are_names_where_no_number_follows) {
  EXPECT_EQ(value_of("any"), priority(1, names_of({"any"})));
  EXPECT_EQ(value_of("First, any"), priority(1, names_of({"any", "First"})));
  EXPECT_EQ(value_of("any2 , anyone"), priority(1, names_of({"any2", "anyone"})));
}

TEST(StandbyNames, the_case_of_letters_makes_no_other_value) {
  EXPECT_EQ(value_of("any 1 (N1,n2)"), value_of("ANY 1 (N2,n1)"));
  EXPECT_THAT(value_of("n1,N1").names, ElementsAre("n1"));
  EXPECT_NE(value_of("ANY 1 (n1,n2)"), value_of("ANY 2 (n1,n2)"));
  EXPECT_NE(value_of("ANY 1 (n1,n2)"), value_of("FIRST 1 (n1,n2)"));
}

TEST(StandbyNames, what_a_server_refuses_is_told) {
  const auto wrong = [](std::string_view text) {
    const auto value = parse_standby_names(text);
    return value ? "nothing" : value.error();
  };
  EXPECT_EQ(wrong("  "), "ends where a name is expected");
  EXPECT_EQ(wrong("n1,"), "ends where a name is expected");
  EXPECT_EQ(wrong("n1 n2"), "\"n2\" at character 4, where \",\" or the end is expected");
  EXPECT_EQ(wrong("(n1)"), "\"(\" at character 1, where a name is expected");
  EXPECT_EQ(wrong("2 ()"), "\")\" at character 4, where a name is expected");
  EXPECT_EQ(wrong("2 (n1"), "ends where \",\" or \")\" is expected");
  EXPECT_EQ(wrong("2 (n1) n2"), "\"n2\" at character 8, where the end is expected");
  EXPECT_EQ(wrong("ANY 2"), "ends where \"(\" is expected");
  EXPECT_EQ(wrong("ANY (n1)"), "\"(\" at character 5, where \",\" or the end is expected");
  EXPECT_EQ(wrong("0 (n1)"), "the number of synchronous standbys is 0");
  EXPECT_EQ(wrong("18446744073709551616 (n1)"), "the number of synchronous standbys is 18446744073709551616");
  EXPECT_EQ(wrong("a-b"), "character 2 may stand in quotes only");
  EXPECT_EQ(wrong("n1,\"n2"), "the quotes that open at character 4 do not end");
  EXPECT_EQ(wrong("\"n2\"\""), "the quotes that open at character 1 do not end");
}

TEST(StandbyNames, the_placeholder_alone_is_nobody_that_is_waited_for) {
  EXPECT_EQ(value_of(kPlaceholder), priority(1, {}));
  EXPECT_EQ(value_of("ANY 2 (" + kPlaceholder + ")"), quorum(2, {}));
  EXPECT_THAT(value_of("n1," + kPlaceholder).names, ElementsAre(kPlaceholder, "n1"));
}

TEST(StandbyNames, an_asterisk_is_nobodys_list) {
  for (const char* text : {"*", "n1,*", "\"*\"", "FIRST 1 (*)"}) {
    EXPECT_TRUE(value_of(text).any) << text;
    EXPECT_THAT(value_of(text).names, ElementsAre(kPlaceholder)) << text;
  }
  EXPECT_NE(value_of("*"), value_of(kPlaceholder));
  EXPECT_EQ(to_text(value_of("ANY 2 (n1,*)"), kCurrent), "ANY 2 (" + kPlaceholder + ")");
  EXPECT_EQ(to_text(value_of("*"), kCurrent), kPlaceholder);
  EXPECT_EQ(to_text(priority(1, names_of({"n1", "*"})), kCurrent), kPlaceholder);
}

TEST(StandbyNames, are_written_as_the_version_reads_them) {
  const auto one = names_of({"n1"}), two = names_of({"n2", "n1"});
  struct Row {
    StandbyNames value;
    const char *oldest, *without_any, *current;
  };
  const Row rows[] = {
      {{}, "", "", ""},
      {priority(0, {}), "", "", ""},
      {quorum(0, {}), "", "", ""},
      {priority(1, one), "n1", "n1", "n1"},
      {priority(2, two), "n1", "2 (n1,n2)", "2 (n1,n2)"},
      {priority(1, two), "n1", "1 (n1,n2)", "1 (n1,n2)"},
      {priority(0, two), "n1", "2 (n1,n2)", "2 (n1,n2)"},
      {quorum(1, one), "n1", "1 (n1)", "ANY 1 (n1)"},
      {quorum(1, two), "n1", "1 (n1,n2)", "ANY 1 (n1,n2)"},
      {quorum(0, two), "n1", "2 (n1,n2)", "ANY 2 (n1,n2)"},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(to_text(row.value, kOldest), row.oldest) << row.current;
    EXPECT_EQ(to_text(row.value, kWithoutAny), row.without_any) << row.current;
    EXPECT_EQ(to_text(row.value, 100000), row.current);
    EXPECT_EQ(to_text(row.value, kCurrent), row.current);
    EXPECT_EQ(to_text(row.value, 0), row.current);
  }
}

TEST(StandbyNames, nobody_to_wait_for_makes_commits_wait_where_one_is_asked_for) {
  EXPECT_EQ(to_text(priority(1, {}), kCurrent), kPlaceholder);
  EXPECT_EQ(to_text(quorum(1, {}), kCurrent), "ANY 1 (" + kPlaceholder + ")");
  EXPECT_EQ(to_text(quorum(2, {}), kWithoutAny), "2 (" + kPlaceholder + ")");
  EXPECT_EQ(to_text(quorum(2, {}), kOldest), kPlaceholder);
}

TEST(StandbyNames, are_quoted_where_a_server_would_read_something_else) {
  const auto names = names_of({"n$1", "_x", "1n", "a-b", "any", "First", "anyone", "q\"q", "", "\xc3\xbc"});
  EXPECT_EQ(to_text(priority(1, names), kCurrent),
            "1 (\"\",\"1n\",\"First\",_x,\"a-b\",\"any\",anyone,n$1,\"q\"\"q\",\"\xc3\xbc\")");
}

TEST(StandbyNames, what_is_written_is_read_as_the_same) {
  constexpr int kRounds = 20000;
  constexpr std::string_view kLetters = "aAzZ_09$-\"', ()*\xc3\xbc";
  std::mt19937 random(20240915);
  const auto below = [&](int limit) { return static_cast<int>(random() % static_cast<unsigned>(limit)); };
  for (int round = 0; round < kRounds; ++round) {
    NameSet names;
    for (int n = 1 + below(4); n > 0; --n) {
      std::string name = below(8) == 0 ? "any" : "";
      for (int letters = below(5); letters > 0; --letters)
        name += kLetters[static_cast<std::size_t>(below(static_cast<int>(kLetters.size())))];
      if (name != "*") names.insert(name);
    }
    if (names.empty()) continue;
    const bool first = below(2) == 0;
    const int count = first && names.size() == 1 ? 1 : 1 + below(static_cast<int>(names.size()));
    const StandbyNames value = first ? priority(count, names) : quorum(count, names);
    const std::string text = to_text(value, kCurrent);
    EXPECT_EQ(value_of(text), value) << text;
    EXPECT_EQ(to_text(value_of(text), kCurrent), text);
  }
}

}  // namespace
}  // namespace tanist::postgres
