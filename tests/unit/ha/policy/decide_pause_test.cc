#include <gtest/gtest.h>

#include "unit/ha/view_builder.h"

/// ha.md §19: in pause an administrator works on PostgreSQL, and nothing is done to it but what he asks for.
namespace tanist::ha {
namespace {

using namespace testing;

ViewBuilder paused(ViewBuilder b) {
  b.settings.dynamic.pause = true;
  return b;
}

TEST(Pause, is_served) {
  const Decision d = paused(ViewBuilder().as_leader()).decide();
  EXPECT_TRUE(intends<intent::None>(d));
  EXPECT_EQ(d.mandate.kind, Mandate::Kind::keep);
  EXPECT_FALSE(says_something_like(d, "not supported"));
}

TEST(Pause, a_primary_without_the_lock_goes_on) {
  const Decision d = paused(ViewBuilder().as_leader().leader("n2").no_lease()).decide();
  EXPECT_TRUE(intends<intent::None>(d));
  EXPECT_EQ(d.reason.text(), "continue to run as primary without lock");
}

TEST(Pause, a_free_lock_is_taken_by_a_primary_and_by_no_replica) {
  EXPECT_TRUE(intends<intent::Acquire>(
      paused(ViewBuilder().as_leader().unlocked().no_lease().linearizable()).decide()));
  const Decision d = paused(ViewBuilder().as_candidate().peer_unreachable("n2").peer("n3", kHere)).decide();
  EXPECT_TRUE(intends<intent::None>(d));
  EXPECT_FALSE(d.needs.peers) << "nobody is asked for a race that nobody runs";
}

TEST(Pause, a_holder_that_is_no_primary_any_more_gives_the_lock_back) {
  const Decision d = paused(ViewBuilder().as_replica().lock_mine().linearizable()).decide();
  EXPECT_TRUE(intends<intent::Release>(d));
  EXPECT_EQ(d.reason.text(), "removed leader lock because postgres is not running as primary");
}

TEST(Pause, nothing_is_cloned_founded_or_started) {
  EXPECT_TRUE(intends<intent::None>(paused(ViewBuilder().without_data()).decide()));
  EXPECT_TRUE(intends<intent::None>(paused(ViewBuilder().before_bootstrap().linearizable()).decide()));
  EXPECT_TRUE(intends<intent::None>(paused(ViewBuilder().as_replica().down()).decide()));
}

TEST(Pause, a_primary_may_take_as_long_to_start_as_it_likes) {
  ViewBuilder b = paused(ViewBuilder().as_leader().starting(10min).peer("n2", kHere).peer("n3", kHere));
  const Decision d = b.decide();
  EXPECT_TRUE(intends<intent::None>(d));
  EXPECT_EQ(d.mandate.kind, Mandate::Kind::keep);
  b.settings.dynamic.pause = false;
  EXPECT_TRUE(intends<intent::Demote>(b.decide()));
}

TEST(Pause, the_control_file_is_read_again_for_what_an_administrator_may_have_replaced) {
  const auto looks = [](Duration seen, bool pause, bool was_paused) {
    ViewBuilder b = ViewBuilder().as_leader();
    b.settings.dynamic.pause = pause;
    b.view.memory.was_paused = was_paused;
    b.view.postgres.facts.control = postgres::ControlData{.seen_at = b.view.now - seen};
    b.view.memory.promotion.checkpoint_done = true;
    return b.decide().needs.control_file;
  };
  EXPECT_FALSE(looks(5s, true, true));
  EXPECT_TRUE(looks(11s, true, true));
  EXPECT_TRUE(looks(5s, false, true)) << "before anything else is decided on it";
  EXPECT_FALSE(looks(500ms, false, true));
  EXPECT_FALSE(looks(1h, false, false));
}

TEST(Pause, another_cluster_in_the_data_directory_ends_the_daemon_when_it_is_over) {
  ViewBuilder b = paused(ViewBuilder().as_replica().linearizable());
  b.view.postgres.facts.system_identifier = "7411111111111111199";
  Decision d = b.decide();
  EXPECT_TRUE(intends<intent::None>(d) || intends<intent::Follow>(d));
  EXPECT_TRUE(says_something_like(d, "system ID has changed while in paused mode"));
  b.settings.dynamic.pause = false;
  b.view.memory = d.memory;
  b.view.postgres.facts.control = postgres::ControlData{.seen_at = b.view.now};
  d = b.decide();
  EXPECT_TRUE(intends<intent::Exit>(d));
}

/// An administrator started it, and pause is over before it is up: it opens as a primary beside whoever
/// leads.
TEST(Pause, what_was_started_as_a_primary_is_stopped_when_it_is_over) {
  ViewBuilder b = ViewBuilder().as_replica().linearizable();
  auto& facts = b.view.postgres.facts;
  facts.probe.reset();
  facts.accepting = postgres::Accepting::rejecting;
  facts.standby_signal = false;
  EXPECT_TRUE(intends<intent::None>(paused(b).decide()));
  EXPECT_TRUE(intends<intent::Demote>(b.decide()));
  facts.standby_signal = true;
  EXPECT_FALSE(intends<intent::Demote>(b.decide()));
}

TEST(Pause, a_standby_is_not_nudged) {
  for (const bool pause : {true, false}) {
    ViewBuilder b = ViewBuilder().as_replica();
    b.settings.dynamic.pause = pause;
    auto& facts = b.view.postgres.facts;
    facts.major_version = 150000;
    facts.probe->receiver_state.clear();
    facts.probe->asked_at = b.view.now;
    b.cluster.members["n2"].state = "running";
    b.cluster.members["n2"].timeline = {1};
    b.view.memory.following.nudges = Nudges{.of = "n2 running 1", .since = b.view.now - 1s};
    EXPECT_EQ(has_duty<duty::LookForWal>(b.decide()), !pause);
  }
}

TEST(Pause, the_fence_is_disarmed) {
  ViewBuilder b = paused(ViewBuilder().as_leader());
  b.view.fence.armed = b.view.fence.holds = true;
  const auto fences = duties<duty::Fence>(b.decide());
  ASSERT_EQ(fences.size(), 1U);
  EXPECT_FALSE(fences[0].arm);
}

}  // namespace
}  // namespace tanist::ha
