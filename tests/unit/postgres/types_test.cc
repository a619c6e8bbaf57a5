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

TEST(Roles, each_has_the_overlay_of_what_it_is_to_clients) {
  for (const Role role : {Role::primary, Role::promoted}) EXPECT_EQ(overlay_name(role), "primary");
  for (const Role role : {Role::replica, Role::demoted}) EXPECT_EQ(overlay_name(role), "replica");
  EXPECT_EQ(overlay_name(Role::standby_leader), "standby_leader");
  EXPECT_EQ(overlay_name(Role::uninitialized), "");
}

TEST(Roles, one_that_is_about_to_lead_counts_as_a_leader) {
  for (const Role role : {Role::primary, Role::promoted}) EXPECT_TRUE(is_leaderlike(role));
  for (const Role role : {Role::replica, Role::demoted, Role::standby_leader, Role::uninitialized})
    EXPECT_FALSE(is_leaderlike(role));
}

}  // namespace
}  // namespace tanist::postgres
