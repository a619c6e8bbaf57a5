#include "config/change.h"

#include <gtest/gtest.h>

namespace tanist::config {
namespace {

std::string refused(const char* current, const char* next) {
  return refused_change(parse_json(current).value(), parse_json(next).value()).value_or("");
}

TEST(RefusedChange, what_members_take_or_adjust_is_fine) {
  EXPECT_EQ(refused("{}", R"({"ttl":30})"), "");
  EXPECT_EQ(refused("{}", R"({"ttl":1,"loop_wait":"5"})"), "");
  EXPECT_EQ(refused("{}", R"({"what is this":[1]})"), "");
}

TEST(RefusedChange, a_value_that_is_refused_is_named) {
  EXPECT_TRUE(refused("{}", R"({"ttl":"soon"})").starts_with("ttl: "));
  EXPECT_NE(refused("{}", R"({"postgresql":{"parameters":"a"}})").find("postgresql.parameters"),
            std::string::npos);
}

TEST(RefusedChange, what_was_refused_before_does_not_stand_in_the_way_of_the_rest) {
  EXPECT_EQ(refused(R"({"ttl":"soon"})", R"({"ttl":"soon","pause":true})"), "");
  EXPECT_EQ(refused(R"({"ttl":"soon"})", R"({"ttl":30})"), "");
  EXPECT_TRUE(refused(R"({"ttl":"soon"})", R"({"ttl":"soon","loop_wait":"x"})").starts_with("loop_wait: "));
  EXPECT_TRUE(refused(R"({"ttl":"soon"})", R"({"ttl":"later"})").starts_with("ttl: "));
}

}  // namespace
}  // namespace tanist::config
