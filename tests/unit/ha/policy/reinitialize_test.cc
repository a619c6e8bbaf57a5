#include <gtest/gtest.h>

#include "unit/ha/view_builder.h"

namespace tanist::ha {
namespace {

using namespace testing;

class Reinitialize : public ::testing::Test {
 protected:
  using Answer = order::Reinitialize::Answer;
  using Outcome = Answer::Outcome;

  Reinitialize() {
    b.as_replica().linearizable();
    wanted.deadline = b.view.now + 60s;
  }
  void source_answers(const std::string& member, const std::string& system_id = kSystemId) {
    b.view.answers.source = {
        .member = member, .system_identifier = system_id, .detail = {}, .asked_at = b.view.now};
  }
  void source_is_silent(const std::string& member) {
    b.view.answers.source = {.member = member,
                             .system_identifier = {},
                             .detail = "connection refused\nIs the server running?",
                             .asked_at = b.view.now};
  }
  Decision decide(OrderId id = 7, bool begun = false) {
    ViewBuilder with = b;
    with.view.commands.asked.push_back({.id = id, .order = wanted, .begun = begun});
    return with.decide();
  }
  static std::optional<Answer> answer(const Decision& d, OrderId id = 7) {
    for (const auto& one : duties<duty::Answer>(d))
      if (one.id == id) return std::get<Answer>(one.answer);
    return std::nullopt;
  }
  /// Why it is refused, with nothing touched; empty: it is not.
  std::string refusal() {
    const Decision d = decide();
    EXPECT_FALSE(intends<intent::Clone>(d) || intends<intent::PreEmpt>(d));
    const auto given = answer(d);
    if (!given) return {};
    EXPECT_EQ(given->outcome, Outcome::refused);
    return given->why;
  }
  intent::Clone clone() {
    const Decision d = decide();
    EXPECT_FALSE(answer(d)) << "answered when the data goes";
    EXPECT_TRUE(intends<intent::Clone>(d)) << d.reason.text();
    return intends<intent::Clone>(d) ? std::get<intent::Clone>(d.intent) : intent::Clone{};
  }
  /// Its operation, about to remove.
  void about_to_remove() {
    b.operation(OperationKind::clone, Phase::awaiting_go);
    b.view.operation->awaits_verdict = true;
    b.view.operation->source = "n2";
    b.view.operation->order = 7;
    b.view.postgres.facts.process = postgres::Process::none;
    b.view.postgres.facts.probe.reset();
    b.cluster.read_at = b.view.now - 10ms;
    source_answers("n2");
  }

  ViewBuilder b;
  order::Reinitialize wanted;
};

TEST_F(Reinitialize, a_source_is_asked_before_anything_is_done) {
  const Decision d = decide();
  EXPECT_TRUE(intends<intent::None>(d));
  ASSERT_TRUE(d.needs.source);
  EXPECT_EQ(d.needs.source->member, "n2");
  source_answers("n2");
  const auto copy = clone();
  EXPECT_EQ(copy.source->member, "n2");
  EXPECT_TRUE(copy.from_leader);
  EXPECT_FALSE(copy.basebackup_only);
  EXPECT_FALSE(copy.why_removal_allowed.empty());
  EXPECT_EQ(copy.order, 7u);
}

TEST_F(Reinitialize, is_decided_on_a_fresh_view) {
  b.linearizable(false);
  const Decision d = decide();
  EXPECT_TRUE(d.needs.linearizable_view);
  EXPECT_TRUE(intends<intent::None>(d));
  EXPECT_FALSE(answer(d));
}

TEST_F(Reinitialize, without_a_source_the_data_is_kept) {
  source_is_silent("n2");
  EXPECT_EQ(refusal(), "nobody can give a copy, the data directory is kept: connection refused");
  source_answers("n2", "7000000000000000009");
  EXPECT_NE(refusal().find("is of another cluster"), std::string::npos);
}

TEST_F(Reinitialize, a_replica_that_may_be_copied_from_comes_before_the_leader_unless_it_does_not_answer) {
  b.cluster.members["n3"].tags.set("clonefrom", true);
  EXPECT_EQ(decide().needs.source->member, "n3");
  source_answers("n3");
  EXPECT_FALSE(clone().from_leader);
  source_is_silent("n3");
  EXPECT_EQ(decide().needs.source->member, "n2");
  source_answers("n2");
  EXPECT_TRUE(clone().from_leader);
}

TEST_F(Reinitialize, from_leader_asks_nobody_else_and_takes_a_base_backup) {
  b.cluster.members["n3"].tags.set("clonefrom", true);
  wanted.from_leader = true;
  EXPECT_EQ(decide().needs.source->member, "n2");
  source_answers("n2");
  EXPECT_TRUE(clone().basebackup_only);
  source_is_silent("n2");
  EXPECT_NE(refusal(), "");
}

TEST_F(Reinitialize, a_leader_refuses_and_so_does_who_has_none) {
  b.as_leader().linearizable();
  wanted.force = true;
  EXPECT_EQ(refusal(), "I am the leader, can not reinitialize");
  b.as_candidate().linearizable();
  EXPECT_EQ(refusal(), "Cluster has no leader, can not reinitialize");
}

TEST_F(Reinitialize, whose_lease_still_holds_is_the_leader) {
  b.lease_for(10s);
  source_answers("n2");
  EXPECT_EQ(refusal(), "I am the leader, can not reinitialize");
}

TEST_F(Reinitialize, a_leader_key_in_the_own_name_is_no_others) {
  b.leader("n1");
  b.view.lock = Lock::foreign_session;
  source_answers("n2");
  EXPECT_EQ(refusal(), "I am the leader, can not reinitialize");
}

TEST_F(Reinitialize, nothing_without_the_store) {
  source_answers("n2");
  b.store_down();
  EXPECT_EQ(refusal(), "DCS is not accessible");
}

TEST_F(Reinitialize, pause_does_not_keep_an_operator_from_it) {
  b.settings.dynamic.pause = true;
  source_answers("n2");
  EXPECT_EQ(clone().source_name, "n2");
  b.down("shut down in recovery");
  EXPECT_EQ(clone().source_name, "n2");
}

TEST_F(Reinitialize, what_was_stopped_for_it_is_started_again_in_pause_too) {
  b.settings.dynamic.pause = true;
  source_answers("n2");
  b.view.memory = decide().memory;
  EXPECT_TRUE(b.view.memory.outage.start_is_due);
  b.divergence(postgres::Divergence::none).down("shut down in recovery");
  b.view.postgres.state = postgres::State::stopped;
  EXPECT_TRUE(intends<intent::Start>(b.decide()));
  b.view.memory.outage.start_is_due = false;
  EXPECT_FALSE(intends<intent::Start>(b.decide())) << "what an operator has stopped stays down";
  b.view.postgres.role = postgres::Role::uninitialized;
  b.ended(OperationKind::clone, true);
  EXPECT_TRUE(intends<intent::Start>(b.decide())) << "the copy that he asked for";
}

TEST_F(Reinitialize, what_was_stopped_for_one_that_failed_is_started_again_in_pause_too) {
  b.settings.dynamic.pause = true;
  b.divergence(postgres::Divergence::none).down("shut down in recovery");
  b.view.postgres.state = postgres::State::stopped;
  b.view.memory.outage.start_is_due = true;
  b.ended(OperationKind::clone, false);
  EXPECT_TRUE(intends<intent::Start>(b.decide()));
}

TEST_F(Reinitialize, a_data_directory_without_a_whole_cluster_is_replaced_but_not_what_is_none) {
  source_answers("n2");
  auto& facts = b.view.postgres.facts;
  b.down();
  facts.data_directory = postgres::DataDirectory::foreign;
  EXPECT_EQ(clone().source_name, "n2") << "the control file is gone";
  facts.major_version = 0;
  EXPECT_NE(refusal().find("holds no database cluster"), std::string::npos);
  facts.data_directory = postgres::DataDirectory::unreadable;
  facts.data_directory_error = "input/output error";
  EXPECT_EQ(refusal(), "data directory is not accessible: input/output error");
  facts.data_directory = postgres::DataDirectory::empty;
  EXPECT_EQ(clone().source_name, "n2");
}

TEST_F(Reinitialize, one_thing_at_a_time_unless_it_is_forced) {
  source_answers("n2");
  b.operation(OperationKind::clone, Phase::cloning);
  b.view.operation->name = "bootstrap from leader 'n2'";
  EXPECT_EQ(refusal(), "bootstrap from leader 'n2' already in progress");
  wanted.force = true;
  const Decision d = decide();
  EXPECT_TRUE(intends<intent::PreEmpt>(d));
  EXPECT_FALSE(answer(d)) << "its end is waited for";
  b.view.operation.reset();
  EXPECT_EQ(clone().source_name, "n2");
}

TEST_F(Reinitialize, force_cancels_nothing_where_nobody_can_give_a_copy) {
  wanted.force = true;
  b.operation(OperationKind::clone, Phase::cloning);
  source_is_silent("n2");
  EXPECT_NE(refusal(), "");
}

TEST_F(Reinitialize, force_ends_a_start_that_hangs_a_rewind_and_a_crash_recovery) {
  wanted.force = true;
  source_answers("n2");
  b.down("in archive recovery");
  for (const auto kind : {OperationKind::start, OperationKind::rewind, OperationKind::crash_recovery,
                          OperationKind::follow_restart, OperationKind::restart}) {
    b.operation(kind);
    EXPECT_TRUE(intends<intent::PreEmpt>(decide())) << static_cast<int>(kind);
  }
}

TEST_F(Reinitialize, force_waits_for_the_end_of_a_demotion_but_not_for_ever) {
  wanted.force = true;
  source_answers("n2");
  b.operation(OperationKind::demote, Phase::waiting_down, Cancel::no);
  b.view.operation->name = "demote";
  EXPECT_EQ(refusal(), "") << "it may end soon";
  wanted.deadline = b.view.now;
  EXPECT_EQ(refusal(), "demote already in progress");
}

TEST_F(Reinitialize, a_primary_without_the_key_is_demoted_first) {
  b.as_leader().linearizable().leader("n2").no_lease();
  source_answers("n2");
  const Decision d = decide();
  EXPECT_TRUE(intends<intent::Demote>(d)) << d.reason.text();
  EXPECT_FALSE(answer(d));
}

TEST_F(Reinitialize, of_two_the_second_is_refused) {
  source_answers("n2");
  b.view.commands.asked.push_back({.id = 6, .order = wanted});
  const Decision d = decide();
  ASSERT_TRUE(intends<intent::Clone>(d));
  EXPECT_EQ(std::get<intent::Clone>(d.intent).order, 6u);
  EXPECT_EQ(answer(d)->why, "reinitialize already in progress");
}

TEST_F(Reinitialize, at_the_end_of_the_daemon_nothing_is_begun) {
  source_answers("n2");
  b.view.commands.shutdown = true;
  EXPECT_EQ(refusal(), "the daemon is shutting down");
}

TEST_F(Reinitialize, is_answered_when_the_removal_is_confirmed) {
  about_to_remove();
  const Decision d = decide(7, true);
  ASSERT_TRUE(intends<intent::Advance>(d)) << d.reason.text();
  EXPECT_TRUE(std::get<intent::Advance>(d.intent).now);
  EXPECT_LE(std::get<intent::Advance>(d.intent).good_until, b.view.now + 5s);
  EXPECT_EQ(answer(d)->outcome, Outcome::started);
}

TEST_F(Reinitialize, before_the_removal_source_and_leader_are_looked_at_once_more) {
  about_to_remove();
  b.view.answers.source.reset();
  EXPECT_EQ(decide(7, true).needs.source->member, "n2");
  source_answers("n2");
  b.linearizable(false);
  const Decision d = decide(7, true);
  EXPECT_TRUE(d.needs.linearizable_view);
  EXPECT_FALSE(intends<intent::Advance>(d));
}

TEST_F(Reinitialize, the_data_is_kept_where_the_leader_or_the_source_is_gone_meanwhile) {
  const auto kept = [this](const std::string& why) {
    const Decision d = decide(7, true);
    EXPECT_TRUE(intends<intent::PreEmpt>(d)) << why;
    EXPECT_EQ(answer(d)->outcome, Outcome::refused);
    EXPECT_EQ(answer(d)->why, why);
    EXPECT_TRUE(says_something_like(d, "given up before anything was removed"));
  };
  about_to_remove();
  source_is_silent("n2");
  kept("connection refused");
  about_to_remove();
  b.unlocked();
  kept("Cluster has no leader, can not reinitialize");
  b.as_replica().linearizable();
  about_to_remove();
  b.lock_mine();
  kept("I am the leader, can not reinitialize");
  b.as_replica().linearizable().without_member("n2");
  about_to_remove();
  kept("n2 has published no address any more");
}

TEST_F(Reinitialize, nothing_is_removed_on_what_was_seen_long_ago) {
  about_to_remove();
  b.view.answers.source->asked_at = b.view.now - 30s;
  EXPECT_TRUE(decide(7, true).needs.source);
  about_to_remove();
  b.cluster.read_at = b.view.now - 10s;
  const Decision d = decide(7, true);
  EXPECT_FALSE(intends<intent::Advance>(d));
  EXPECT_FALSE(answer(d));
}

TEST_F(Reinitialize, the_data_is_kept_where_the_leader_has_not_come_as_far_as_the_cluster) {
  source_answers("n2");
  b.cluster.history.lines = {{.parent = {1}, .switch_lsn = kHere}};
  b.cluster.members["n2"].timeline = {1};
  const std::string why =
      "the leader n2 is on timeline 1, and the cluster has come to 2: it may not stay the leader";
  EXPECT_EQ(refusal(), why);
  b.cluster.members["n2"].timeline = {};
  EXPECT_EQ(
      refusal(),
      "the leader n2 does not tell its timeline, and the cluster has come to 2: it may not stay the leader");
  b.cluster.members["n2"].timeline = {1};
  about_to_remove();
  const Decision d = decide(7, true);
  EXPECT_TRUE(intends<intent::PreEmpt>(d));
  EXPECT_EQ(answer(d)->why, why);
  b.cluster.members["n2"].timeline = {2};
  EXPECT_TRUE(intends<intent::Advance>(decide(7, true)));
}

TEST_F(Reinitialize, while_the_store_is_away_nothing_is_removed) {
  about_to_remove();
  b.store_down();
  const Decision d = decide(7, true);
  EXPECT_TRUE(intends<intent::None>(d));
  EXPECT_FALSE(answer(d));
}

TEST_F(Reinitialize, one_that_ended_before_it_removed_anything_is_told) {
  b.ended(OperationKind::clone, false, "PostgreSQL could not be stopped");
  b.view.last_operation->order = 7;
  EXPECT_EQ(answer(decide(7, true))->why, "PostgreSQL could not be stopped");
  b.ended(OperationKind::clone, Ending::cancelled);
  b.view.last_operation->order = 7;
  EXPECT_EQ(answer(decide(7, true))->why, "it was cancelled");
}

}  // namespace
}  // namespace tanist::ha
