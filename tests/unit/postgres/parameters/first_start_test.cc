#include "postgres/parameters/first_start.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tanist::postgres {
namespace {

using testing::ElementsAre;
using testing::Pair;

TEST(FirstStart, recovery_settings_are_those_of_the_version) {
  const std::map<std::string, std::string> configured{{"Recovery_Target_Name", "x"},
                                                      {"pause_at_recovery_target", "off"},
                                                      {"trigger_file", "/t"},
                                                      {"work_mem", "1GB"}};
  EXPECT_THAT(bootstrap_recovery(configured, 150000),
              ElementsAre(Pair("promote_trigger_file", "/t"), Pair("recovery_target_action", "promote"),
                          Pair("recovery_target_name", "x")));
  EXPECT_THAT(bootstrap_recovery(configured, 170000),
              ElementsAre(Pair("recovery_target_action", "promote"), Pair("recovery_target_name", "x")));
  EXPECT_THAT(bootstrap_recovery(configured, 90400),
              ElementsAre(Pair("pause_at_recovery_target", "off"), Pair("recovery_target_name", "x"),
                          Pair("trigger_file", "/t")));
  EXPECT_THAT(bootstrap_recovery({{"recovery_target_action", "promote"}}, 90400),
              ElementsAre(Pair("pause_at_recovery_target", "false")));
}

TEST(FirstStart, nobody_is_let_in_before_a_promotion_that_happens_by_itself) {
  config::CustomBootstrap custom;
  EXPECT_FALSE(starts_without_hot_standby(custom, 150000));
  custom.recovery_conf.emplace().emplace("recovery_target_name", "x");
  EXPECT_FALSE(starts_without_hot_standby(custom, 150000));
  custom.recovery_conf.emplace().emplace("recovery_target_action", "promote");
  EXPECT_TRUE(starts_without_hot_standby(custom, 150000));
  EXPECT_FALSE(starts_without_hot_standby(custom, 90400));
  custom.recovery_conf.emplace().emplace("recovery_target_action", "pause");
  EXPECT_FALSE(starts_without_hot_standby(custom, 150000));
  custom.recovery_conf.reset();
  custom.keep_existing_recovery_conf = true;
  EXPECT_TRUE(starts_without_hot_standby(custom, 90400));
}

TEST(FirstStart, only_our_users_from_here_are_trusted) {
  config::Postgresql postgresql;
  postgresql.accounts.replication.username = "rep";
  EXPECT_THAT(
      trust_entries(postgresql, {"10.0.0.1", "::1"}),
      ElementsAre("local\treplication\t\"rep\"\ttrust", "host\treplication\t\"rep\"\t10.0.0.1/32\ttrust",
                  "host\treplication\t\"rep\"\t::1/128\ttrust", "local\tall\tall\ttrust",
                  "host\tall\tall\t10.0.0.1/32\ttrust", "host\tall\tall\t::1/128\ttrust"));
}

}  // namespace
}  // namespace tanist::postgres
