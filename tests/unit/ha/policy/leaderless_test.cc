#include "ha/policy/leaderless.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "unit/ha/view_builder.h"

namespace tanist::ha {
namespace {

using namespace testing;

PeerAnswer standby_at(Lsn position) {
  return {.reachable = true, .position = position, .replayed = position, .timeline = {1}};
}

const Check* found(const Decision& decision, Rule rule) {
  const auto at = std::ranges::find(decision.checks, rule, &Check::rule);
  return at == decision.checks.end() ? nullptr : &*at;
}

TEST(Leaderless, a_replica_that_has_most_would_take_the_lock) {
  const View view = ViewBuilder().as_replica().build();
  ASSERT_FALSE(intends<intent::Acquire>(decide(view)));
  const Decision decision = decide(leaderless(view, {{"n3", standby_at(kHere)}}));
  EXPECT_TRUE(intends<intent::Acquire>(decision)) << decision.reason.text();
  ASSERT_TRUE(found(decision, Rule::lag_within_limit));
  EXPECT_TRUE(found(decision, Rule::lag_within_limit)->passed);
  EXPECT_EQ(found(decision, Rule::peer_not_ahead)->text(), "n3 is at 0/5000000, not ahead of 0/5000000");
}

TEST(Leaderless, one_behind_another_says_by_how_much) {
  const View view = ViewBuilder().as_replica().build();
  const Decision decision = decide(leaderless(view, {{"n3", standby_at({kHere.value + 16})}}));
  EXPECT_FALSE(intends<intent::Acquire>(decision));
  const Check* check = found(decision, Rule::peer_not_ahead);
  ASSERT_TRUE(check);
  EXPECT_FALSE(check->passed);
  EXPECT_EQ(check->about, "n3");
  EXPECT_EQ(check->text(), "n3 is 16 bytes ahead: at 0/5000010, this one at 0/5000000");
}

TEST(Leaderless, who_led_is_gone_whatever_it_answered) {
  const View view = ViewBuilder().as_replica().build();
  PeerAnswer primary{.reachable = true, .primary = true, .timeline = {1}};
  const Decision decision = decide(leaderless(view, {{"n2", primary}, {"n3", standby_at(kHere)}}));
  EXPECT_TRUE(intends<intent::Acquire>(decision));
  EXPECT_FALSE(found(decision, Rule::peer_is_no_primary));
}

TEST(Leaderless, lag_beyond_the_limit_is_told_with_both_numbers) {
  ViewBuilder b = ViewBuilder().as_replica();
  b.settings.dynamic.maximum_lag_on_failover = 10;
  b.cluster.status.optime = {kHere.value + 11};
  const Decision decision = decide(leaderless(b.build(), {}));
  const Check* check = found(decision, Rule::lag_within_limit);
  ASSERT_TRUE(check);
  EXPECT_FALSE(check->passed);
  EXPECT_EQ(check->numbers, Document::map({{"lag_bytes", 11}, {"limit_bytes", 10}}));
  EXPECT_EQ(check->text(), "it lacks 11 bytes of what the last leader wrote, only 10 may be missing");
}

TEST(Leaderless, a_tag_that_bars_it_is_named) {
  ViewBuilder b = ViewBuilder().as_replica();
  b.settings.tags.nofailover = true;
  const Decision decision = decide(leaderless(b.build(), {}));
  EXPECT_EQ(decision.reason.code, Code::not_allowed_to_promote);
  ASSERT_TRUE(found(decision, Rule::may_promote));
  EXPECT_EQ(found(decision, Rule::may_promote)->text(), "the tag nofailover keeps it from leading");
}

TEST(Leaderless, nothing_is_known_of_a_store_that_was_never_read) {
  EXPECT_EQ(leaderless(View(), {}).store.cluster, nullptr);
}

/// A number that a rule's words speak of has to be noted with it.
TEST(Checks, words_lack_no_number) {
  for (const auto& scene :
       {ViewBuilder().as_leader(), ViewBuilder().as_replica(), ViewBuilder().as_candidate()}) {
    for (const auto& decision :
         {scene.decide(), decide(leaderless(scene.build(), {{"n3", standby_at(kHere)}}))})
      for (const auto& check : decision.checks)
        EXPECT_EQ(check.text().find('?'), std::string::npos) << rule_name(check.rule) << ": " << check.text();
  }
}

TEST(Checks, a_leader_has_a_lease_a_fence_and_a_server_that_answers) {
  ViewBuilder b = ViewBuilder().as_leader();
  b.view.fence.armed = b.view.fence.holds = true;
  const Decision decision = b.decide();
  for (const Rule rule : {Rule::lease_holds, Rule::fence_armed, Rule::postgres_answers, Rule::is_primary}) {
    ASSERT_TRUE(found(decision, rule)) << rule_name(rule);
    EXPECT_TRUE(found(decision, rule)->passed) << rule_name(rule);
  }
}

}  // namespace
}  // namespace tanist::ha
