#include <gtest/gtest.h>

#include "ha/policy/decide.h"
#include "ha/policy/questions.h"
#include "ha/policy/race.h"
#include "unit/ha/view_builder.h"

/// Replicas that replay late on purpose: they lead only when they are told to.
namespace tanist::ha {
namespace {

using namespace testing;

constexpr Lsn kBeyond{kHere.value + 100};

/// Nobody leads, and I would be the one to take over.
ViewBuilder racing(const std::string& leader = {}, const std::string& candidate = {}) {
  ViewBuilder b = ViewBuilder().as_candidate().peer_unreachable("n2").peer("n3", kHere);
  b.cluster.leadership_version = dcs::Version("6");
  b.cluster.leadership_name = "n2";
  if (!leader.empty() || !candidate.empty())
    b.cluster.failover = {.version = dcs::Version("77"), .leader = leader, .candidate = candidate};
  b.settings.postgresql.replays_late = true;
  return b;
}

/// n3 is the one, as I hear.
ViewBuilder beside_a_delayed_one(Lsn position = kHere) {
  ViewBuilder b = racing();
  b.settings.postgresql.replays_late = false;
  b.peer("n3", position);
  b.view.answers.peers->at("n3").delayed = true;
  return b;
}

ViewBuilder leading(const std::string& leader, const std::string& candidate) {
  ViewBuilder b = ViewBuilder().as_leader().linearizable().peer_unreachable("n2").peer("n3", kHere);
  b.view.answers.peers->at("n3").delayed = true;
  b.cluster.failover = {.version = dcs::Version("77"), .leader = leader, .candidate = candidate};
  return b;
}

TEST(Delayed, does_not_race_and_says_so_once_a_minute) {
  ViewBuilder b = racing();
  const Decision d = b.decide();
  EXPECT_TRUE(intends<intent::None>(d));
  EXPECT_EQ(d.reason.code, Code::not_healthiest);
  EXPECT_TRUE(says_something_like(d, "recovery_min_apply_delay makes this member replay late"));
  b.view.memory = d.memory;
  EXPECT_FALSE(says_something_like(b.decide(), "recovery_min_apply_delay"));
  b.settings.postgresql.replays_late = false;
  EXPECT_TRUE(intends<intent::Acquire>(b.decide()));
}

TEST(Delayed, leads_when_it_is_told_to_by_its_name) {
  EXPECT_TRUE(intends<intent::Acquire>(racing("", "n1").decide()));
  EXPECT_TRUE(intends<intent::Acquire>(racing("n2", "n1").decide()));
}

TEST(Delayed, does_not_lead_for_a_request_that_names_nobody_or_another) {
  EXPECT_FALSE(intends<intent::Acquire>(racing("n2", "").decide()));
  ViewBuilder other = racing("n2", "n3").peer_unreachable("n3");
  EXPECT_FALSE(intends<intent::Acquire>(other.decide()));
}

TEST(Delayed, who_led_last_was_told_to_and_may_again) {
  ViewBuilder b = racing();
  b.cluster.leadership_name = "n1";
  EXPECT_TRUE(intends<intent::Acquire>(b.decide()));
  ViewBuilder back = racing("n1", "").peer_unreachable("n3");
  back.cluster.leadership_name = "n1";
  EXPECT_TRUE(intends<intent::Acquire>(back.decide())) << "it takes back what nobody else can have";
}

TEST(Delayed, a_primary_that_would_replay_late_as_a_standby_goes_on) {
  ViewBuilder b = ViewBuilder().as_leader();
  b.settings.postgresql.replays_late = true;
  EXPECT_EQ(b.decide().reason.code, Code::no_action_leader);
}

TEST(Delayed, a_delayed_peer_holds_nobody_back_who_would_wait_for_it_in_vain) {
  EXPECT_TRUE(intends<intent::Acquire>(beside_a_delayed_one().decide()));
  EXPECT_TRUE(intends<intent::Acquire>(beside_a_delayed_one(kBeyond).decide()));
  ViewBuilder primary = beside_a_delayed_one();
  primary.view.answers.peers->at("n3").primary = true;
  EXPECT_FALSE(intends<intent::Acquire>(primary.decide())) << "one that leads is no delayed replica";
}

TEST(Delayed, a_leader_hands_over_to_one_only_by_its_name) {
  const Decision any = leading("n1", "").decide();
  EXPECT_FALSE(intends<intent::Demote>(any));
  EXPECT_TRUE(says(any, "Member n3 is a delayed replica"));
  EXPECT_TRUE(intends<intent::Demote>(leading("n1", "n3").decide()));
  EXPECT_TRUE(intends<intent::Demote>(leading("", "n3").decide()));
}

TEST(Delayed, others_stand_back_for_one_that_is_named) {
  ViewBuilder b = beside_a_delayed_one();
  b.cluster.failover = {.version = dcs::Version("77"), .leader = "n2", .candidate = "n3"};
  EXPECT_FALSE(intends<intent::Acquire>(b.decide()));
}

TEST(Delayed, is_what_a_member_says_of_itself) {
  dcs::Cluster cluster;
  EXPECT_TRUE(policy::stays_behind(true, nullptr, "n1"));
  EXPECT_TRUE(policy::stays_behind(true, &cluster, "n1"));
  cluster.leadership_name = "n1";
  EXPECT_FALSE(policy::stays_behind(true, &cluster, "n1"));
  EXPECT_FALSE(policy::stays_behind(false, nullptr, "n1"));
}

}  // namespace
}  // namespace tanist::ha
