#include "postgres/types.h"

#include <gtest/gtest.h>

namespace tanist::postgres {
namespace {

TEST(States, have_the_words_of_the_member_key) {
  EXPECT_EQ(to_string(State::initdb), "initializing new cluster");
  EXPECT_EQ(to_string(State::crashed), "crashed");
  EXPECT_EQ(static_cast<int>(State::crashed), 14);
  EXPECT_EQ(to_string(Role::standby_leader), "standby_leader");
}

}  // namespace
}  // namespace tanist::postgres
