#include "core/names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tanist {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

NameSet set(std::initializer_list<std::string> names) {
  return NameSet(names);
}

TEST(Names, the_case_of_ascii_letters_does_not_count) {
  EXPECT_TRUE(same_name("Node_1", "nODE_1"));
  EXPECT_FALSE(same_name("n1", "n10"));
  EXPECT_FALSE(same_name("[", "{"));
  EXPECT_FALSE(same_name("\xc3\x84", "\xc3\xa4"));
  EXPECT_TRUE(set({"N1"}).contains("n1"));
  EXPECT_EQ(set({"N1", "n2"}), set({"n1", "N2"}));
  EXPECT_NE(set({"n1"}), set({"n1", "n2"}));
  EXPECT_NE(set({"n1"}), set({"n2"}));
}

TEST(Names, the_first_spelling_stays) {
  EXPECT_THAT(set({"N1", "n1"}), ElementsAre("N1"));
  EXPECT_THAT(joined(set({"N1"}), set({"n1", "n2"})), ElementsAre("N1", "n2"));
  EXPECT_THAT(common(set({"N1", "n3"}), set({"n1", "n2"})), ElementsAre("N1"));
}

TEST(Names, sets_are_taken_apart) {
  EXPECT_THAT(without(set({"n1", "N2", "n3"}), set({"n2", "n4"})), ElementsAre("n1", "n3"));
  EXPECT_THAT(without(set({"n1"}), set({"N1"})), IsEmpty());
  EXPECT_TRUE(is_within(set({"n1"}), set({"N1", "n2"})));
  EXPECT_TRUE(is_within(set({}), set({})));
  EXPECT_FALSE(is_within(set({"n1", "n3"}), set({"n1", "n2"})));
}

TEST(Names, lists_are_in_the_order_of_bytes) {
  EXPECT_THAT(set({"a", "B", "_c"}), ElementsAre("_c", "a", "B"));
  EXPECT_THAT(in_text_order(set({"a", "B", "_c"})), ElementsAre("B", "_c", "a"));
}

}  // namespace
}  // namespace tanist
