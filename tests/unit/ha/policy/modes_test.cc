#include "ha/policy/modes.h"

#include <gtest/gtest.h>

#include "unit/ha/view_builder.h"

namespace tanist::ha {
namespace {

using namespace testing;
using Change = void (*)(config::Dynamic&);

class ModesNotServed : public ::testing::TestWithParam<std::pair<const char*, Change>> {
 protected:
  ViewBuilder with(ViewBuilder b) {
    GetParam().second(b.settings.dynamic);
    return b;
  }
};

TEST_P(ModesNotServed, are_told_once_a_minute_by_name) {
  ViewBuilder b = with(ViewBuilder().as_leader());
  const Decision d = b.decide();
  EXPECT_TRUE(says_something_like(d, std::string(GetParam().first) + " is set in the dynamic configuration"));
  b.view.memory = d.memory;
  b.view.now += 59s;
  b.lease_for(29s);
  EXPECT_FALSE(says_something_like(b.decide(), "is set in the dynamic configuration"));
  b.view.now += 1s;
  b.lease_for(29s);
  EXPECT_TRUE(says_something_like(b.decide(), "is set in the dynamic configuration"));
}

TEST_P(ModesNotServed, leave_a_primary_running_with_its_lock) {
  const Decision d = with(ViewBuilder().as_leader()).decide();
  EXPECT_TRUE(intends<intent::None>(d));
  EXPECT_EQ(d.mandate.kind, Mandate::Kind::keep);
}

TEST_P(ModesNotServed, keep_a_replica_out_of_the_race) {
  const Decision d = with(ViewBuilder().as_candidate().peer_unreachable("n2").peer("n3", kHere)).decide();
  EXPECT_TRUE(intends<intent::None>(d));
}

TEST_P(ModesNotServed, promote_nobody) {
  const Decision d = with(ViewBuilder().as_replica().lock_mine().linearizable()).decide();
  EXPECT_TRUE(intends<intent::Release>(d));
}

TEST_P(ModesNotServed, clone_nobody) {
  const Decision d = with(ViewBuilder().without_data()).decide();
  EXPECT_TRUE(intends<intent::None>(d));
}

TEST_P(ModesNotServed, bootstrap_nothing) {
  const Decision d = with(ViewBuilder().before_bootstrap().linearizable()).decide();
  EXPECT_TRUE(intends<intent::None>(d));
}

TEST_P(ModesNotServed, let_a_running_primary_take_a_free_lock) {
  const Decision d = with(ViewBuilder().as_leader().unlocked().no_lease().linearizable()).decide();
  EXPECT_TRUE(intends<intent::Acquire>(d));
}

INSTANTIATE_TEST_SUITE_P(
    Modes, ModesNotServed,
    ::testing::Values(std::pair<const char*, Change>{"synchronous_mode",
                                                     [](config::Dynamic& d) {
                                                       d.synchronous_mode = config::Dynamic::SyncMode::quorum;
                                                     }},
                      std::pair<const char*, Change>{"standby_cluster",
                                                     [](config::Dynamic& d) { d.standby_cluster = true; }}),
    [](const auto& info) { return std::string(info.param.first); });

TEST(Modes, a_lost_lock_stops_a_primary_in_synchronous_mode_too) {
  ViewBuilder b = ViewBuilder().as_leader().leader("n2").no_lease();
  b.settings.dynamic.synchronous_mode = config::Dynamic::SyncMode::on;
  EXPECT_TRUE(intends<intent::Demote>(b.decide()));
}

TEST(Modes, failsafe_mode_is_told_and_treated_like_off) {
  ViewBuilder b = ViewBuilder().as_leader();
  b.settings.dynamic.failsafe_mode = true;
  EXPECT_TRUE(says_something_like(b.decide(), "failsafe_mode is set in the dynamic configuration"));
  EXPECT_TRUE(policy::mode_not_served(policy_settings(b.settings)).empty());
  EXPECT_TRUE(intends<intent::Demote>(b.no_lease().store_down().decide()));
}

TEST(Modes, a_crashed_primary_in_synchronous_mode_starts_in_place) {
  ViewBuilder b = ViewBuilder().as_leader().down();
  b.settings.dynamic.synchronous_mode = config::Dynamic::SyncMode::on;
  const Decision d = b.decide();
  ASSERT_TRUE(intends<intent::Start>(d));
  EXPECT_FALSE(std::get<intent::Start>(d.intent).as_standby);
}

TEST(Modes, none_is_the_usual_case) {
  EXPECT_EQ(policy::mode_not_served(policy_settings({})), "");
}

}  // namespace
}  // namespace tanist::ha
