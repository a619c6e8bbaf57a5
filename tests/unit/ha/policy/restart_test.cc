#include <gtest/gtest.h>

#include "unit/ha/view_builder.h"

namespace tanist::ha {
namespace {

using namespace testing;
using Answer = order::Restart::Answer;
using Outcome = Answer::Outcome;

ViewBuilder& asked(ViewBuilder& b, order::Restart request = {}) {
  b.view.commands.asked.push_back({.id = 7, .order = std::move(request)});
  return b;
}
/// Asks for a restart under `request`, and what is answered at once; empty: it begins.
std::string refusal(ViewBuilder b, order::Restart request = {}) {
  const Decision d = asked(b, std::move(request)).decide();
  const auto answers = duties<duty::Answer>(d);
  if (answers.empty()) return {};
  EXPECT_EQ(answers[0].id, 7u);
  EXPECT_FALSE(intends<intent::Restart>(d));
  const auto& answer = std::get<Answer>(answers[0].answer);
  EXPECT_EQ(answer.outcome, Outcome::refused);
  return answer.why;
}

TEST(Restart, a_replica_restarts_as_a_standby_of_its_leader) {
  ViewBuilder b;
  const Decision d = asked(b.as_replica(), {.timeout = 40s}).decide();
  ASSERT_TRUE(intends<intent::Restart>(d));
  const auto& restart = std::get<intent::Restart>(d.intent);
  EXPECT_TRUE(restart.as_standby);
  ASSERT_TRUE(restart.upstream);
  EXPECT_EQ(restart.upstream->member, "n2");
  EXPECT_EQ(restart.timeout, 40s);
  EXPECT_EQ(restart.order, 7u);
  EXPECT_TRUE(d.memory.outage.recovering);
  EXPECT_EQ(d.memory.outage.start_timeout, 40s);
}

TEST(Restart, a_leader_restarts_as_primary_on_a_fresh_view_and_keeps_the_lock) {
  ViewBuilder b;
  const Decision stale = asked(b.as_leader().linearizable(false)).decide();
  EXPECT_TRUE(stale.needs.linearizable_view);
  EXPECT_TRUE(intends<intent::None>(stale));
  const Decision d = b.linearizable().decide();
  ASSERT_TRUE(intends<intent::Restart>(d));
  EXPECT_FALSE(std::get<intent::Restart>(d.intent).as_standby);
  EXPECT_EQ(d.mandate.kind, Mandate::Kind::keep);
}

TEST(Restart, a_primary_without_a_safe_lease_is_not_restarted_as_one) {
  EXPECT_NE(refusal(ViewBuilder().as_leader().linearizable().no_lease()), "");
  EXPECT_NE(refusal(ViewBuilder().as_leader().linearizable().leader("n2")), "");
}

TEST(Restart, a_primary_without_the_lock_is_not_even_stopped_in_pause) {
  auto b = ViewBuilder().as_leader().linearizable().leader("n2");
  b.settings.dynamic.pause = true;
  EXPECT_NE(refusal(b), "");
}

TEST(Restart, every_condition_must_hold) {
  const auto replica = ViewBuilder().as_replica();
  const std::string unmet = "restart conditions are not satisfied";
  EXPECT_EQ(refusal(replica, {.role = postgres::Role::primary}), unmet);
  EXPECT_EQ(refusal(replica, {.role = postgres::Role::replica}), "");
  const int version = replica.build().postgres.facts.probe->server_version;
  EXPECT_EQ(refusal(replica, {.older_than = version}), unmet);
  EXPECT_EQ(refusal(replica, {.older_than = version + 1}), "");
  EXPECT_EQ(refusal(replica, {.only_if_pending = true}), unmet);
  auto pending = replica;
  pending.view.postgres.facts.pending_restart["max_connections"] = {"100", "200"};
  EXPECT_EQ(refusal(pending, {.only_if_pending = true}), "");
}

TEST(Restart, the_log_says_which_condition_does_not_hold) {
  ViewBuilder b;
  EXPECT_TRUE(says(asked(b.as_replica(), {.role = postgres::Role::primary}).decide(),
                   "not proceeding with the restart: host role mismatch"));
}

TEST(Restart, one_thing_at_a_time) {
  EXPECT_EQ(refusal(ViewBuilder().as_replica().operation(OperationKind::follow_restart)),
            "changing primary_conninfo and restarting already in progress");
  auto leaving = ViewBuilder().as_replica();
  leaving.view.commands.shutdown = true;
  EXPECT_EQ(refusal(leaving), "the daemon is shutting down");
}

/// What is answered to the order 7, whose restart was begun.
std::optional<Outcome> outcome(ViewBuilder b) {
  b.view.commands.asked.back().begun = true;
  const Decision d = b.decide();
  EXPECT_FALSE(intends<intent::Restart>(d));
  const auto answers = duties<duty::Answer>(d);
  if (answers.empty()) return std::nullopt;
  EXPECT_EQ(answers[0].id, 7u);
  return std::get<Answer>(answers[0].answer).outcome;
}
OperationResult ended(Ending ending, std::optional<OrderId> order) {
  OperationResult result;
  result.kind = OperationKind::restart;
  result.ending = ending;
  result.order = order;
  result.serial = 3;
  return result;
}

TEST(Restart, an_order_is_answered_when_its_own_operation_has_ended) {
  ViewBuilder running;
  asked(running.as_replica().operation(OperationKind::restart));
  running.view.operation->order = 7;
  EXPECT_EQ(outcome(running), std::nullopt);

  ViewBuilder over;
  asked(over.as_replica());
  over.view.last_operation = ended(Ending::done, 7);
  EXPECT_EQ(outcome(over), Outcome::done);
  over.view.last_operation = ended(Ending::failed, 7);
  EXPECT_EQ(outcome(over), Outcome::still_starting) << "it runs";
  over.view.last_operation = ended(Ending::done, 6);
  EXPECT_EQ(outcome(over), Outcome::still_starting) << "that was another's";
  over.down();
  over.view.last_operation = ended(Ending::cancelled, 7);
  EXPECT_EQ(outcome(over), Outcome::failed);
}

TEST(Restart, an_order_is_answered_also_while_the_store_is_away_or_the_daemon_leaves) {
  ViewBuilder b;
  asked(b.as_replica().store_down());
  b.view.last_operation = ended(Ending::done, 7);
  EXPECT_EQ(outcome(b), Outcome::done);
  b.view.commands.shutdown = true;
  EXPECT_EQ(outcome(b), Outcome::done);
}

TEST(Restart, of_two_who_ask_at_once_the_second_is_refused) {
  ViewBuilder b;
  asked(b.as_replica());
  b.view.commands.asked.push_back({.id = 8, .order = order::Restart{}});
  const Decision d = b.decide();
  ASSERT_TRUE(intends<intent::Restart>(d));
  EXPECT_EQ(std::get<intent::Restart>(d.intent).order, 7u);
  const auto answers = duties<duty::Answer>(d);
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers[0].id, 8u);
  EXPECT_EQ(std::get<Answer>(answers[0].answer).why, "restart already in progress");
}

TEST(Restart, what_is_down_is_started_anyway_and_by_the_rules_of_recovery) {
  EXPECT_NE(refusal(ViewBuilder().as_replica().down()), "");
  EXPECT_NE(refusal(ViewBuilder().as_leader().linearizable().down()), "");
}

TEST(Restart, in_pause_a_server_that_is_down_comes_back_as_a_standby) {
  ViewBuilder b;
  b.as_replica().down("shut down in recovery");
  b.settings.dynamic.pause = true;
  const Decision d = asked(b).decide();
  ASSERT_TRUE(intends<intent::Restart>(d));
  EXPECT_TRUE(std::get<intent::Restart>(d.intent).as_standby);
}

TEST(Restart, nothing_without_a_view_of_the_store) {
  EXPECT_EQ(refusal(ViewBuilder().as_replica().store_down()), "DCS is not accessible");
}

TEST(Restart, a_leader_that_starts_longer_than_the_request_allows_gives_way) {
  ViewBuilder b;
  b.as_leader().linearizable().starting(50s).peer("n2", kHere).peer("n3", kHere);
  EXPECT_TRUE(intends<intent::None>(b.decide())) << "primary_start_timeout is 300 s";
  b.view.memory.outage.start_timeout = 40s;
  EXPECT_TRUE(intends<intent::Demote>(b.decide()));
}

class Schedule : public ::testing::Test {
 protected:
  Schedule() {
    b.as_replica();
    planned.id = 9;
    planned.wanted.at = b.view.wall_now + 1h;
    planned.postmaster_start_time = b.view.postgres.facts.probe->postmaster_start_time;
  }
  /// The schedule is answered, and so dropped.
  static bool is_over(const Decision& d) {
    const auto answers = duties<duty::Answer>(d);
    return answers.size() == 1 && answers[0].id == 9;
  }
  Decision at(Duration after, order::Restart request = {}) {
    planned.wanted.restart = std::move(request);
    b.view.commands.scheduled_restart = planned;
    b.view.wall_now = planned.wanted.at + std::chrono::duration_cast<std::chrono::microseconds>(after);
    return b.decide();
  }

  ViewBuilder b;
  ScheduledRestart planned;
};

TEST_F(Schedule, waits_for_its_time_and_wakes_then) {
  const Decision d = at(-30min);
  EXPECT_TRUE(intends<intent::None>(d));
  EXPECT_TRUE(says_something_like(d, "Awaiting restart at "));
  ASSERT_TRUE(at(-2s).wake_at);
  EXPECT_LE(*at(-2s).wake_at, b.view.now + 2s);
  EXPECT_FALSE(is_over(at(-2s)));
}

TEST_F(Schedule, is_carried_out_when_due_and_is_over_then) {
  const Decision d = at(10ms);
  EXPECT_TRUE(intends<intent::Restart>(d));
  EXPECT_EQ(d.reason.text(), "restart initiated");
  EXPECT_TRUE(says_something_like(d, "Manual scheduled restart at "));
  EXPECT_TRUE(is_over(d));
  EXPECT_FALSE(std::get<intent::Restart>(d.intent).order);
}

TEST_F(Schedule, is_dropped_when_its_conditions_do_not_hold_at_its_time) {
  const Decision d = at(0s, {.role = postgres::Role::primary});
  EXPECT_FALSE(intends<intent::Restart>(d));
  EXPECT_TRUE(says(d, "Scheduled restart: restart conditions are not satisfied"));
  EXPECT_TRUE(is_over(d));
}

TEST_F(Schedule, is_dropped_when_postgres_was_restarted_meanwhile) {
  planned.postmaster_start_time = "2031-01-01 00:00:00+00:00";
  const Decision d = at(-30min);
  EXPECT_TRUE(
      says_something_like(d, "Cancelling scheduled restart: postgres restart has already happened at "));
  EXPECT_TRUE(is_over(d));
}

TEST_F(Schedule, waits_for_a_server_that_has_just_been_started_to_tell_since_when_it_runs) {
  b.starting();
  b.view.postgres.facts.probe.reset();
  const Decision d = at(0s);
  EXPECT_FALSE(intends<intent::Restart>(d));
  EXPECT_FALSE(is_over(d));
}

TEST_F(Schedule, is_dropped_with_a_reason_where_postgres_is_down_at_its_time) {
  b.down("shut down in recovery");
  b.view.memory.outage.recovering = true;
  b.ended(OperationKind::start, false);
  b.view.last_operation->ended = b.view.now;
  b.view.memory.results_seen = b.view.last_operation->serial;
  const Decision d = at(0s);
  EXPECT_FALSE(intends<intent::Restart>(d));
  EXPECT_TRUE(is_over(d));
  EXPECT_TRUE(says(d, "Scheduled restart: postgres is not running, it is started as soon as possible"));
}

TEST_F(Schedule, gives_the_start_the_time_that_was_asked_for) {
  const Decision d = at(0s, {.timeout = 40s});
  ASSERT_TRUE(intends<intent::Restart>(d));
  EXPECT_EQ(std::get<intent::Restart>(d.intent).timeout, 40s);
  EXPECT_EQ(d.memory.outage.start_timeout, 40s);
}

TEST_F(Schedule, looks_at_version_and_pending_parameters_at_its_time) {
  b.view.postgres.facts.probe->server_version = 150004;
  EXPECT_TRUE(is_over(at(0s, {.only_if_pending = true})));
  EXPECT_FALSE(intends<intent::Restart>(at(0s, {.older_than = 90600})));
  b.view.postgres.facts.pending_restart["max_connections"] = {"100", "200"};
  EXPECT_TRUE(intends<intent::Restart>(at(0s, {.older_than = 990000, .only_if_pending = true})));
}

TEST_F(Schedule, that_is_long_past_is_cleaned_up) {
  const Decision d = at(16s);
  EXPECT_FALSE(intends<intent::Restart>(d));
  EXPECT_TRUE(says_something_like(d, "Found a stale restart value, cleaning up: "));
  EXPECT_TRUE(is_over(d));
}

TEST_F(Schedule, is_kept_while_the_cluster_has_no_leader_or_is_paused) {
  b.settings.dynamic.pause = true;
  EXPECT_FALSE(is_over(at(0s)));
  b.settings.dynamic.pause = false;
  b.as_candidate();
  EXPECT_FALSE(intends<intent::Restart>(at(0s)));
}

}  // namespace
}  // namespace tanist::ha
