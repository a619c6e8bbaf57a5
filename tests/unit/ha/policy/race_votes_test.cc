#include <gtest/gtest.h>

#include "unit/ha/policy/failover_requests.h"
#include "unit/ha/view_builder.h"

/// Who may lead where commits were promised to be synchronous: in a race, and for a switchover.
namespace tanist::ha {
namespace {

using namespace testing;

ViewBuilder& in_sync(ViewBuilder& b, std::vector<std::string> voters, int quorum = 0) {
  b.settings.dynamic.synchronous_mode = config::Dynamic::SyncMode::on;
  b.cluster.sync = {
      .version = dcs::Version("9"), .leader = "n2", .voters = std::move(voters), .quorum = quorum};
  return b;
}

/// n2 led and is gone.
ViewBuilder left_alone(std::vector<std::string> voters, int quorum = 0) {
  ViewBuilder b = ViewBuilder().as_candidate().peer_unreachable("n2").peer("n3", kHere);
  return in_sync(b, std::move(voters), quorum);
}

TEST(RaceVotes, only_the_former_leader_may_be_ahead) {
  ViewBuilder b = left_alone({"n1", "n3"}).peer("n3", kBeyond);
  EXPECT_FALSE(intends<intent::Acquire>(b.decide())) << "n3 was waited for as well, and has more";
}

TEST(RaceVotes, who_cannot_be_elected_holds_nobody_back) {
  ViewBuilder b = left_alone({"n1"}).peer("n3", kBeyond);
  EXPECT_TRUE(intends<intent::Acquire>(b.decide()));
}

TEST(RaceVotes, a_primary_that_may_not_lead_votes_for_nobody) {
  ViewBuilder b = left_alone({"n1", "n3"}, 1);
  auto& n3 = b.view.answers.peers->at("n3");
  n3.nofailover = true;
  b.cluster.members["n3"].tags = Document::map({{"nofailover", true}});
  ASSERT_TRUE(intends<intent::Acquire>(b.decide())) << "as a standby it does";
  n3.primary = true;
  EXPECT_FALSE(intends<intent::Acquire>(b.decide()));
}

TEST(RaceVotes, a_lost_race_has_won_nothing) {
  ViewBuilder b = ViewBuilder().as_candidate().peer_unreachable("n2").peer("n3", kBeyond);
  b.view.memory.race.acquiring = true;
  const Decision d = b.decide();
  ASSERT_TRUE(intends<intent::None>(d));
  EXPECT_FALSE(d.memory.race.acquiring);
}

TEST(SwitchoverVotes, a_candidate_out_of_sync_does_not_lead) {
  ViewBuilder b = racing("n2", "n1").peer_unreachable("n2");
  EXPECT_TRUE(intends<intent::Acquire>(b.decide()));
  in_sync(b, {"n3"});
  EXPECT_FALSE(intends<intent::Acquire>(b.decide()));
  in_sync(b, {"n1"});
  EXPECT_TRUE(intends<intent::Acquire>(b.decide()));
}

TEST(SwitchoverVotes, a_candidate_needs_those_of_a_quorum) {
  ViewBuilder b = racing("n2", "n1").peer_unreachable("n2").peer_unreachable("n3");
  in_sync(b, {"n1", "n3"}, 1);
  EXPECT_FALSE(intends<intent::Acquire>(b.decide()));
  b.peer("n3", kHere);
  EXPECT_TRUE(intends<intent::Acquire>(b.decide()));
}

TEST(SwitchoverVotes, a_candidate_from_outside_of_the_set_needs_one_more) {
  ViewBuilder b = racing("n2", "n1").peer_unreachable("n2").member("n4").peer_unreachable("n4");
  in_sync(b, {"n3", "n4"}, 1);
  b.settings.dynamic.synchronous_mode = config::Dynamic::SyncMode::quorum;
  EXPECT_FALSE(intends<intent::Acquire>(b.decide()));
  b.peer("n4", kHere);
  EXPECT_TRUE(intends<intent::Acquire>(b.decide()));
}

}  // namespace
}  // namespace tanist::ha
