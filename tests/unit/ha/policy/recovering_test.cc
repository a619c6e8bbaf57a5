#include <gtest/gtest.h>

#include "unit/ha/view_builder.h"

namespace tanist::ha {
namespace {

using namespace testing;

ViewBuilder crashed_leader() {
  return ViewBuilder().as_leader().down();
}

TEST(Recovering, a_crashed_primary_with_the_lock_starts_in_place) {
  const Decision d = crashed_leader().decide();
  ASSERT_TRUE(intends<intent::Start>(d));
  EXPECT_FALSE(std::get<intent::Start>(d.intent).as_standby);
  EXPECT_EQ(d.reason.text(), "starting primary after failure");
  EXPECT_EQ(d.mandate.kind, Mandate::Kind::keep);
  EXPECT_TRUE(d.memory.outage.recovering);
  EXPECT_TRUE(says(d, "Postgresql is not running."));
  const auto states = duties<duty::SetState>(d);
  ASSERT_EQ(states.size(), 1U);
  EXPECT_EQ(states[0].state, postgres::State::crashed);
}

TEST(Recovering, the_fence_is_armed_before_a_start_as_primary) {
  const auto fences = duties<duty::Fence>(crashed_leader().decide());
  ASSERT_EQ(fences.size(), 1U);
  EXPECT_TRUE(fences[0].arm);
}

TEST(Recovering, without_a_lease_nothing_starts_as_primary) {
  const Decision d = crashed_leader().no_lease().decide();
  EXPECT_TRUE(intends<intent::None>(d));
  EXPECT_EQ(d.reason.text(), "not promoting because failed to update leader lock in DCS");
}

TEST(Recovering, a_server_that_never_ran_under_this_daemon_starts_as_standby) {
  ViewBuilder b = crashed_leader();
  b.view.postgres.seen_running = false;
  b.view.postgres.state = postgres::State::stopped;
  b.view.memory.outage.crash_recovery_tried = true;
  const Decision d = b.decide();
  ASSERT_TRUE(intends<intent::Start>(d));
  EXPECT_TRUE(std::get<intent::Start>(d.intent).as_standby);
  EXPECT_EQ(d.reason.text(), "starting as readonly because i had the session lock");
  EXPECT_EQ(std::get<intent::Start>(d.intent).upstream, std::nullopt);
}

TEST(Recovering, a_signal_file_forbids_a_start_as_primary) {
  ViewBuilder b = crashed_leader();
  b.view.postgres.facts.standby_signal = true;
  b.view.memory.outage.crash_recovery_tried = true;
  b.view.postgres.state = postgres::State::crashed;
  const Decision d = b.decide();
  ASSERT_TRUE(intends<intent::Start>(d));
  EXPECT_TRUE(std::get<intent::Start>(d.intent).as_standby);
}

TEST(Recovering, a_control_file_that_was_in_recovery_forbids_a_start_as_primary) {
  ViewBuilder b = crashed_leader().down("in archive recovery");
  const Decision d = b.decide();
  ASSERT_TRUE(intends<intent::Start>(d));
  EXPECT_TRUE(std::get<intent::Start>(d.intent).as_standby);
}

TEST(Recovering, the_control_file_is_read_first) {
  ViewBuilder b = crashed_leader();
  b.view.postgres.facts.control.reset();
  const Decision d = b.decide();
  EXPECT_TRUE(d.needs.control_file);
  EXPECT_TRUE(intends<intent::None>(d));
}

TEST(Recovering, with_no_time_to_start_the_lock_goes_to_somebody_else) {
  ViewBuilder b = crashed_leader().peer("n2", kHere).peer_unreachable("n3");
  b.settings.dynamic.primary_start_timeout = 0s;
  const Decision d = b.decide();
  ASSERT_TRUE(intends<intent::Demote>(d));
  EXPECT_EQ(std::get<intent::Demote>(d.intent).mode, DemoteMode::immediate);
  EXPECT_EQ(d.reason.text(), "stopped PostgreSQL to fail over after a crash");
  EXPECT_TRUE(says(d, "Primary crashed. Failing over."));
}

TEST(Recovering, with_no_time_to_start_and_nobody_else_it_comes_back_as_readonly) {
  ViewBuilder b = crashed_leader().peer_unreachable("n2").peer_unreachable("n3");
  b.settings.dynamic.primary_start_timeout = 0s;
  b.view.memory.outage.crash_recovery_tried = true;
  b.view.postgres.state = postgres::State::crashed;
  EXPECT_EQ(b.decide().reason.text(), "starting as readonly because i had the session lock");
}

TEST(Recovering, a_leader_that_could_not_start_gives_the_lock_back) {
  ViewBuilder b = crashed_leader().ended(OperationKind::start, false, "postmaster is not running");
  b.view.memory.outage.recovering = true;
  b.view.postgres.state = postgres::State::start_failed;
  const Decision d = b.decide();
  EXPECT_TRUE(intends<intent::Release>(d));
  EXPECT_EQ(d.reason.text(), "removed leader key after trying and failing to start postgres");
  EXPECT_EQ(duties<duty::Callback>(d).at(0).action, "on_role_change");
  EXPECT_FALSE(d.memory.outage.recovering);
}

TEST(Recovering, a_replica_that_could_not_start_says_so_and_tries_again_later) {
  ViewBuilder b =
      ViewBuilder().as_replica().down("in archive recovery").ended(OperationKind::start, false, "died");
  b.view.memory.outage.recovering = true;
  b.view.postgres.state = postgres::State::start_failed;
  const Decision d = b.decide();
  EXPECT_TRUE(intends<intent::None>(d));
  EXPECT_EQ(d.reason.text(), "failed to start postgres");
  b.view.memory = d.memory;
  EXPECT_TRUE(intends<intent::None>(b.decide()));
  b.view.last_operation->ended = b.view.now - 5s;
  b.view.memory.rejoin.rewind = RewindState::success;
  EXPECT_TRUE(intends<intent::Start>(b.decide()));
}

TEST(Recovering, a_member_that_does_not_start_after_a_failed_rewind_is_compared_again) {
  ViewBuilder b = ViewBuilder().as_replica().down("shut down").ended(OperationKind::start, false, "died");
  b.view.memory.outage.recovering = true;
  b.view.memory.rejoin.rewind = RewindState::failed;
  EXPECT_EQ(b.decide().memory.rejoin.rewind, RewindState::check);
}

TEST(Recovering, a_start_that_was_ended_on_purpose_is_no_failure) {
  ViewBuilder b = ViewBuilder().as_replica().down("in archive recovery");
  b.ended(OperationKind::start, Ending::cancelled);
  b.view.memory.outage.recovering = true;
  b.view.memory.rejoin.rewind = RewindState::success;
  EXPECT_TRUE(intends<intent::Start>(b.decide()));
}

TEST(Recovering, a_crashed_replica_starts_and_follows_the_leader) {
  ViewBuilder b =
      ViewBuilder().as_replica().down("in archive recovery").divergence(postgres::Divergence::none);
  const Decision d = b.decide();
  ASSERT_TRUE(intends<intent::Start>(d));
  const auto& start = std::get<intent::Start>(d.intent);
  EXPECT_TRUE(start.as_standby);
  ASSERT_TRUE(start.upstream);
  EXPECT_EQ(start.upstream->member, "n2");
  EXPECT_EQ(start.upstream->slot, "n1");
  EXPECT_EQ(d.reason.text(), "starting as a secondary");
}

TEST(Recovering, a_former_primary_recovers_from_its_crash_before_it_is_compared) {
  ViewBuilder b = ViewBuilder().as_leader().leader("n2").no_lease().down();
  const Decision d = b.decide();
  EXPECT_TRUE(intends<intent::CrashRecover>(d));
  EXPECT_EQ(d.reason.text(), "doing crash recovery in a single user mode");
  EXPECT_TRUE(d.memory.outage.crash_recovery_tried);
}

TEST(Recovering, crash_recovery_is_done_once_an_outage) {
  ViewBuilder b = ViewBuilder().as_leader().leader("n2").no_lease().down();
  b.view.postgres.state = postgres::State::crashed;
  b.view.memory.outage.crash_recovery_tried = true;
  EXPECT_FALSE(intends<intent::CrashRecover>(b.decide()));
}

TEST(Recovering, crash_recovery_is_pointless_where_nothing_could_be_rewound) {
  ViewBuilder b = ViewBuilder().as_leader().leader("n2").no_lease().down();
  b.settings.postgresql.use_pg_rewind = false;
  EXPECT_TRUE(intends<intent::Start>(b.decide()));
}

TEST(Recovering, a_restored_backup_is_left_to_postgres_itself) {
  ViewBuilder b =
      ViewBuilder().as_leader().leader("n2").no_lease().down().divergence(postgres::Divergence::none);
  b.view.postgres.facts.backup_label = true;
  const Decision d = b.decide();
  EXPECT_TRUE(intends<intent::Start>(d));
  EXPECT_TRUE(says_something_like(d, "Skipping single-user crash recovery because backup_label exists"));
}

TEST(Recovering, a_fresh_clone_starts_without_being_compared) {
  ViewBuilder b = ViewBuilder().as_replica().down("in production").ended(OperationKind::clone, true);
  b.view.postgres.state = postgres::State::stopped;
  b.view.postgres.role = postgres::Role::uninitialized;
  b.view.postgres.facts.backup_label = true;
  const Decision d = b.decide();
  EXPECT_TRUE(intends<intent::Start>(d));
  EXPECT_FALSE(d.needs.any());
}

TEST(Recovering, a_demoted_member_without_anybody_to_compare_with_takes_part_again) {
  ViewBuilder b = ViewBuilder().as_leader().unlocked().no_lease().down("shut down");
  b.view.postgres.role = postgres::Role::demoted;
  b.view.postgres.state = postgres::State::stopped;
  const Decision d = b.decide();
  ASSERT_TRUE(intends<intent::Start>(d));
  EXPECT_EQ(std::get<intent::Start>(d.intent).upstream, std::nullopt);
  EXPECT_EQ(std::get<intent::Start>(d.intent).name, "starting after demotion");
}

TEST(Recovering, backends_that_are_left_over_are_waited_for) {
  ViewBuilder b = crashed_leader();
  b.view.postgres.facts.process = postgres::Process::orphans;
  const Decision d = b.decide();
  EXPECT_TRUE(intends<intent::None>(d));
  EXPECT_EQ(d.mandate.kind, Mandate::Kind::keep);
  EXPECT_EQ(*d.wake_at, b.view.now + 20ms);
}

TEST(Recovering, in_pause_a_stopped_server_stays_stopped_and_the_lock_goes) {
  ViewBuilder b = crashed_leader();
  b.settings.dynamic.pause = true;
  const Decision d = b.decide();
  EXPECT_TRUE(intends<intent::Release>(d));
  EXPECT_EQ(d.reason.text(), "removed leader lock because postgres is not running");
  EXPECT_EQ(duties<duty::SetState>(d).at(0).state, postgres::State::stopped);
}

TEST(Recovering, crash_recovery_of_a_leader_that_took_too_long_fails_over) {
  ViewBuilder b = crashed_leader().peer("n2", kHere).peer_unreachable("n3");
  b.ended(OperationKind::crash_recovery, Ending::cancelled);
  b.view.postgres.state = postgres::State::crashed;
  b.view.memory.outage.since = b.view.now - 301s;
  b.view.memory.outage.crash_recovery_tried = true;
  const Decision d = b.decide();
  ASSERT_TRUE(intends<intent::Demote>(d));
  EXPECT_EQ(d.reason.text(), "terminated crash recovery because of startup timeout");
}

TEST(Recovering, what_was_rewound_half_way_is_rewound_again_and_never_started) {
  ViewBuilder b = ViewBuilder().as_replica().down("shut down");
  b.view.postgres.facts.half_rewound = true;
  EXPECT_TRUE(intends<intent::Rewind>(b.decide()));
  b.cluster.members["n2"].checkpoint_after_promote_pending = true;
  EXPECT_TRUE(intends<intent::None>(b.decide()));
  EXPECT_TRUE(intends<intent::None>(b.unlocked().linearizable().decide()));
}

TEST(Recovering, who_was_rewound_half_way_gives_the_lock_back) {
  ViewBuilder b = crashed_leader();
  b.view.postgres.facts.half_rewound = true;
  EXPECT_TRUE(intends<intent::Release>(b.decide()));
}

TEST(Recovering, an_outage_ends_with_an_accepting_server) {
  ViewBuilder b = ViewBuilder().as_leader();
  b.view.memory.outage.since = b.view.now - 5s;
  b.view.memory.outage.crash_recovery_tried = true;
  const Decision d = b.decide();
  EXPECT_FALSE(d.memory.outage.since);
  EXPECT_FALSE(d.memory.outage.crash_recovery_tried);
}

TEST(Recovering, a_leader_whose_control_file_cannot_be_read_gives_the_lock_away) {
  ViewBuilder b = ViewBuilder().as_leader().down();
  b.view.postgres.facts.control.reset();
  const Decision asks = b.decide();
  EXPECT_TRUE(asks.needs.control_file) << "it may only not have been read yet";
  b.view.postgres.facts.control_error = "could not read global/pg_control";
  const Decision d = b.decide();
  EXPECT_TRUE(intends<intent::Release>(d));
  EXPECT_EQ(d.mandate.kind, Mandate::Kind::release);
}

TEST(Recovering, the_fence_is_disarmed_before_a_leaders_server_comes_back_as_readonly) {
  ViewBuilder b = ViewBuilder().as_leader().down("shut down in recovery");
  ASSERT_TRUE(b.view.fence.armed);
  const Decision d = b.decide();
  ASSERT_TRUE(intends<intent::Start>(d));
  ASSERT_TRUE(std::get<intent::Start>(d.intent).as_standby);
  const auto fences = duties<duty::Fence>(d);
  ASSERT_EQ(fences.size(), 1U);
  EXPECT_FALSE(fences[0].arm);
}

TEST(Recovering, without_a_fence_nothing_starts_as_primary) {
  ViewBuilder b = ViewBuilder().as_leader().down();
  b.view.fence.usable = false;
  const Decision d = b.decide();
  if (const auto* start = std::get_if<intent::Start>(&d.intent)) {
    EXPECT_TRUE(start->as_standby);
  }
}

TEST(Recovering, who_was_no_primary_does_not_start_as_one) {
  ViewBuilder b = ViewBuilder().as_leader().down("shut down");
  ASSERT_FALSE(std::get<intent::Start>(b.decide().intent).as_standby);
  b.view.postgres.role = postgres::Role::demoted;
  EXPECT_TRUE(std::get<intent::Start>(b.decide().intent).as_standby);
}

TEST(Recovering, a_clone_that_failed_is_no_fresh_clone) {
  ViewBuilder b = ViewBuilder().as_replica().down("in production").ended(OperationKind::clone, false, "died");
  b.view.postgres.role = postgres::Role::uninitialized;
  EXPECT_TRUE(intends<intent::CrashRecover>(b.decide()));
}

TEST(Recovering, crash_recovery_is_done_in_each_outage_anew) {
  ViewBuilder b = ViewBuilder().as_replica().down("in production");
  b.view.memory.outage.crash_recovery_tried = true;
  ASSERT_EQ(b.view.postgres.state, postgres::State::running) << "this death was not noted yet";
  EXPECT_TRUE(intends<intent::CrashRecover>(b.decide()));
}

TEST(Recovering, the_end_of_a_pause_forgets_a_rewind) {
  ViewBuilder b = ViewBuilder().as_replica();
  b.view.memory.rejoin.rewind = RewindState::success;
  EXPECT_EQ(b.decide().memory.rejoin.rewind, RewindState::success);
  b.view.memory.was_paused = true;
  EXPECT_EQ(b.decide().memory.rejoin.rewind, RewindState::initial);
}

TEST(Recovering, a_server_that_this_daemon_did_not_see_run_starts_as_standby_whatever_is_said_of_it) {
  ViewBuilder b = crashed_leader();
  b.view.memory.outage.crash_recovery_tried = true;
  b.view.postgres.state = postgres::State::crashed;
  ASSERT_FALSE(std::get<intent::Start>(b.decide().intent).as_standby);
  b.view.postgres.seen_running = false;
  EXPECT_TRUE(std::get<intent::Start>(b.decide().intent).as_standby);
}

TEST(Recovering, a_start_that_failed_is_not_repeated_at_once) {
  ViewBuilder b = ViewBuilder().as_replica().down("shut down in recovery");
  b.ended(OperationKind::start, false, "it does not start");
  const Decision d = b.decide();
  EXPECT_TRUE(intends<intent::None>(d));
  EXPECT_EQ(d.reason.code, Code::waiting_before_retry);
}

}  // namespace
}  // namespace tanist::ha
