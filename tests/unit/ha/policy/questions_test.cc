#include "ha/policy/questions.h"

#include <gtest/gtest.h>

#include "unit/ha/view_builder.h"

namespace tanist::ha::policy {
namespace {

using namespace ha::testing;

TEST(Questions, a_system_identifier_is_ten_digits_or_more) {
  EXPECT_TRUE(valid_system_id("7000000000000000001"));
  EXPECT_TRUE(valid_system_id("1234567890"));
  EXPECT_FALSE(valid_system_id("123456789"));
  EXPECT_FALSE(valid_system_id(""));
  EXPECT_FALSE(valid_system_id("12345678901x"));
}

TEST(Questions, what_the_monitor_saw_counts_more_than_the_role) {
  ViewBuilder b = ViewBuilder().as_replica();
  EXPECT_FALSE(is_primary(b.build()));
  b.view.postgres.facts.probe->in_recovery = false;
  EXPECT_TRUE(is_primary(b.build()));
}

TEST(Questions, an_answer_asked_for_when_a_promotion_ended_is_from_before_its_end) {
  ViewBuilder b = ViewBuilder().as_replica().ended(OperationKind::promote, true);
  b.view.postgres.role = postgres::Role::primary;
  b.view.postgres.facts.probe->asked_at = b.view.last_operation->ended;
  EXPECT_TRUE(is_primary(b.build()));
  b.view.postgres.facts.probe->asked_at += 1ms;
  EXPECT_FALSE(is_primary(b.build()));
}

TEST(Questions, without_an_answer_the_role_counts) {
  ViewBuilder b = ViewBuilder().as_leader();
  b.view.postgres.facts.probe.reset();
  EXPECT_TRUE(is_primary(b.build()));
  b.view.postgres.role = postgres::Role::replica;
  EXPECT_FALSE(is_primary(b.build()));
}

TEST(Questions, a_stopped_server_is_no_primary) {
  EXPECT_FALSE(is_primary(ViewBuilder().as_leader().down().build()));
}

TEST(Questions, orphans_of_a_primary_may_commit) {
  ViewBuilder b = ViewBuilder().as_leader().down();
  b.view.postgres.facts.process = postgres::Process::orphans;
  EXPECT_TRUE(may_commit(b.build()));
  b.view.postgres.role = postgres::Role::replica;
  EXPECT_FALSE(may_commit(b.build()));
}

TEST(Questions, a_promoted_standby_may_commit_whatever_the_monitor_saw_last) {
  ViewBuilder b = ViewBuilder().as_replica();
  b.view.postgres.role = postgres::Role::promoted;
  EXPECT_TRUE(may_commit(b.build()));
}

TEST(Questions, starting_is_neither_accepting_nor_dead) {
  EXPECT_TRUE(is_starting(ViewBuilder().as_replica().starting().build()));
  EXPECT_FALSE(is_starting(ViewBuilder().as_replica().build()));
  EXPECT_FALSE(is_starting(ViewBuilder().as_replica().starting().down().build()));
}

TEST(Questions, a_server_that_recovers_from_the_crash_of_a_backend_is_starting_whatever_it_answered_before) {
  ViewBuilder b = ViewBuilder().as_leader();
  auto& facts = b.view.postgres.facts;
  facts.accepting = postgres::Accepting::rejecting;
  facts.failing_since = b.view.now - 7s;
  ASSERT_TRUE(facts.probe);
  EXPECT_TRUE(is_starting(b.build()));
  EXPECT_EQ(starting_since(b.build()), b.view.now - 7s);
  EXPECT_TRUE(may_commit(b.build()));
  // The answer is newer than the refusal.
  facts.failing_since.reset();
  EXPECT_FALSE(is_starting(b.build()));
  // It hangs: nobody refuses anything.
  facts.failing_since = b.view.now - 7s;
  facts.accepting = postgres::Accepting::no_response;
  EXPECT_FALSE(is_starting(b.build()));
}

TEST(Questions, a_lease_is_safe_until_a_stop_has_to_begin) {
  EXPECT_TRUE(lease_is_safe(ViewBuilder().as_leader().lease_for(5201ms).build()));
  EXPECT_FALSE(lease_is_safe(ViewBuilder().as_leader().lease_for(5200ms).build()));
  EXPECT_FALSE(lease_is_safe(ViewBuilder().as_leader().no_lease().build()));
}

TEST(Questions, a_position_that_is_not_of_now_is_unknown) {
  ViewBuilder b = ViewBuilder().as_replica();
  EXPECT_EQ(own_position(b.build()), kHere);
  b.view.postgres.facts.failing_since = b.view.now;
  EXPECT_EQ(own_position(b.build()), Lsn{});
}

TEST(Questions, a_failed_operation_is_tried_again_after_a_pause) {
  ViewBuilder b = ViewBuilder().as_replica().ended(OperationKind::clone, false, "no");
  EXPECT_EQ(retry_at(b.build(), OperationKind::clone), b.view.last_operation->ended + 5s);
  EXPECT_EQ(retry_at(b.build(), OperationKind::start), std::nullopt);
  b.view.last_operation->ending = Ending::cancelled;
  EXPECT_EQ(retry_at(b.build(), OperationKind::clone), std::nullopt);
}

TEST(Questions, versions_are_compared_by_their_numbers) {
  EXPECT_EQ(version_below("3.3.2", 4, 0, 0), true);
  EXPECT_EQ(version_below("4.0.0", 4, 0, 0), false);
  EXPECT_EQ(version_below("4.1.10", 4, 1, 9), false);
  EXPECT_EQ(version_below("4", 4, 0, 0), false);
  EXPECT_EQ(version_below("4.0.0-beta", 4, 0, 0), std::nullopt);
  EXPECT_EQ(version_below("4.0.", 4, 0, 0), std::nullopt);
  EXPECT_EQ(version_below("", 4, 0, 0), std::nullopt);
}

TEST(Words, follow_what_is_seen) {
  ViewBuilder b = ViewBuilder().as_replica();
  b.view.postgres.state = postgres::State::starting;
  b.view.postgres.role = postgres::Role::demoted;
  const Decision d = b.decide();
  EXPECT_EQ(duties<duty::SetState>(d).at(0).state, postgres::State::running);
  EXPECT_EQ(duties<duty::SetRole>(d).at(0).role, postgres::Role::replica);
}

TEST(Words, are_left_to_a_running_operation) {
  ViewBuilder b = ViewBuilder().as_replica().operation(OperationKind::restart);
  b.view.postgres.state = postgres::State::restarting;
  EXPECT_FALSE(has_duty<duty::SetState>(b.decide()));
}

TEST(Words, the_first_accepting_server_fires_on_start) {
  ViewBuilder b = ViewBuilder().as_replica();
  b.view.memory.callback_fired = false;
  const Decision d = b.decide();
  EXPECT_EQ(duties<duty::Callback>(d).at(0).action, "on_start");
  EXPECT_TRUE(d.memory.callback_fired);
}

TEST(Words, an_adopted_standby_is_compared_with_its_leader) {
  ViewBuilder b = ViewBuilder().as_replica();
  b.view.memory.callback_fired = false;
  EXPECT_TRUE(b.decide().needs.divergence);
}

TEST(Words, the_position_is_remembered_for_the_next_decision) {
  EXPECT_EQ(ViewBuilder().as_replica().decide().memory.race.previous_position, kHere);
}

}  // namespace
}  // namespace tanist::ha::policy
