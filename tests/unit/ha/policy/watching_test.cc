#include <gtest/gtest.h>

#include "unit/ha/view_builder.h"

namespace tanist::ha {
namespace {

using namespace testing;

ViewBuilder stopping(OperationKind kind = OperationKind::shutdown) {
  ViewBuilder b = ViewBuilder().as_leader().operation(kind, Phase::awaiting_release, Cancel::no);
  b.view.operation->awaits_verdict = true;
  b.view.operation->checkpoint_lsn = kHere;
  b.view.operation->phase_since = b.view.now - 10ms;
  b.view.commands.shutdown = kind == OperationKind::shutdown;
  return b;
}

constexpr Lsn kBeyond{kHere.value + 120};

TEST(Operations, a_leader_keeps_renewing_while_one_runs) {
  const Decision d = ViewBuilder().as_leader().operation(OperationKind::restart).decide();
  EXPECT_EQ(d.reason.text(), "updated leader lock during restart");
  EXPECT_EQ(d.mandate.kind, Mandate::Kind::keep);
  EXPECT_TRUE(intends<intent::None>(d));
}

TEST(Operations, a_replica_waits_for_its_end) {
  const Decision d = ViewBuilder().as_replica().operation(OperationKind::clone, Phase::cloning).decide();
  EXPECT_EQ(d.reason.text(), "bootstrap from leader 'n2' in progress");
  EXPECT_EQ(d.mandate.kind, Mandate::Kind::lapse);
}

TEST(Operations, without_a_leader_a_busy_member_says_that_it_does_not_race) {
  const Decision d = ViewBuilder().as_candidate().operation(OperationKind::start).decide();
  EXPECT_TRUE(says(d, "not healthy enough for leader race"));
  EXPECT_TRUE(intends<intent::None>(d));
}

TEST(Operations, a_promotion_without_the_lock_is_cancelled) {
  const Decision d =
      ViewBuilder().as_replica().operation(OperationKind::promote, Phase::pre_promote).decide();
  EXPECT_TRUE(intends<intent::PreEmpt>(d));
  EXPECT_EQ(d.reason.text(), "lost leader before promote");
}

TEST(Operations, a_promotion_beyond_its_point_of_no_return_is_told_that_the_lock_is_lost) {
  const Decision d =
      ViewBuilder().as_replica().operation(OperationKind::promote, Phase::promoting, Cancel::no).decide();
  EXPECT_TRUE(intends<intent::PreEmpt>(d));
  EXPECT_EQ(d.reason.text(), "lost leader lock during promote");
}

TEST(Operations, a_promotion_with_the_lock_goes_on) {
  const Decision d =
      ViewBuilder().as_replica().lock_mine().operation(OperationKind::promote, Phase::pre_promote).decide();
  EXPECT_TRUE(intends<intent::None>(d));
  EXPECT_EQ(d.reason.text(), "updated leader lock during promote");
}

TEST(Operations, a_promotion_whose_lease_ends_is_cancelled_also_without_a_store) {
  const Decision d = ViewBuilder()
                         .as_replica()
                         .lock_mine()
                         .lease_for(3s)
                         .store_down()
                         .operation(OperationKind::promote, Phase::pre_promote)
                         .decide();
  EXPECT_TRUE(intends<intent::PreEmpt>(d));
}

TEST(Operations, a_start_as_primary_without_the_lock_is_cancelled) {
  ViewBuilder b = ViewBuilder().as_leader().leader("n2").no_lease().operation(OperationKind::start);
  const Decision d = b.decide();
  EXPECT_TRUE(intends<intent::PreEmpt>(d));
  EXPECT_EQ(d.reason.text(), "lost leader lock during restarting after failure");
  EXPECT_TRUE(says(d, "Demoting primary during restarting after failure"));
}

TEST(Operations, a_start_as_standby_needs_no_lock) {
  EXPECT_TRUE(intends<intent::None>(ViewBuilder().as_replica().operation(OperationKind::start).decide()));
}

TEST(Operations, crash_recovery_of_a_leader_has_its_time) {
  ViewBuilder b =
      ViewBuilder().as_leader().down().operation(OperationKind::crash_recovery, Phase::recovering);
  b.peer("n2", kHere).peer_unreachable("n3");
  b.view.memory.outage.since = b.view.now - 299s;
  EXPECT_EQ(b.decide().reason.text(),
            "updated leader lock during doing crash recovery in a single user mode");
  b.view.memory.outage.since = b.view.now - 300s;
  const Decision d = b.decide();
  EXPECT_TRUE(intends<intent::PreEmpt>(d));
  EXPECT_EQ(d.reason.text(), "terminated crash recovery because of startup timeout");
}

TEST(Operations, crash_recovery_goes_on_where_nobody_can_take_over) {
  ViewBuilder b =
      ViewBuilder().as_leader().down().operation(OperationKind::crash_recovery, Phase::recovering);
  b.peer_unreachable("n2").peer_unreachable("n3");
  b.view.memory.outage.since = b.view.now - 400s;
  EXPECT_TRUE(intends<intent::None>(b.decide()));
}

TEST(Operations, a_bootstrap_ends_when_somebody_else_leads) {
  ViewBuilder b =
      ViewBuilder().before_bootstrap().leader("n2").operation(OperationKind::bootstrap, Phase::initdb);
  b.view.memory.making.bootstrapping = true;
  EXPECT_TRUE(intends<intent::PreEmpt>(b.decide()));
}

TEST(Operations, a_standby_that_waits_for_wal_of_a_former_leader_is_freed) {
  ViewBuilder b = ViewBuilder().as_replica().starting().operation(OperationKind::start);
  b.view.postgres.recovery_difference = postgres::RecoveryDifference::reload;
  EXPECT_TRUE(intends<intent::None>(b.decide()));
  b.view.operation->phase_since = b.view.now - 3s;
  EXPECT_TRUE(intends<intent::PreEmpt>(b.decide()));
  b.view.postgres.recovery_difference = postgres::RecoveryDifference::none;
  EXPECT_TRUE(intends<intent::None>(b.decide()));
}

TEST(Operations, a_clone_from_a_member_that_is_gone_is_ended) {
  ViewBuilder b = ViewBuilder().without_data().operation(OperationKind::clone, Phase::cloning);
  b.view.operation->source = "n2";
  EXPECT_TRUE(intends<intent::None>(b.decide()));
  b.without_member("n2");
  EXPECT_TRUE(intends<intent::PreEmpt>(b.decide()));
}

TEST(Operations, a_rewind_towards_a_deposed_leader_is_ended) {
  ViewBuilder b =
      ViewBuilder().as_replica().down("shut down").operation(OperationKind::rewind, Phase::rewinding);
  b.view.operation->source = "n2";
  EXPECT_TRUE(intends<intent::None>(b.decide()));
  EXPECT_TRUE(intends<intent::PreEmpt>(b.leader("n3").decide()));
}

TEST(Operations, no_slots_are_touched_while_one_runs) {
  ViewBuilder b = ViewBuilder().as_leader().operation(OperationKind::restart);
  b.view.postgres.facts.probe->slots.clear();
  EXPECT_FALSE(has_duty<duty::Slots>(b.decide()));
}

TEST(Handover, the_candidates_are_asked_before_the_key_is_released) {
  const Decision d = stopping().decide();
  ASSERT_TRUE(d.needs.peers);
  EXPECT_TRUE(intends<intent::None>(d));
}

TEST(Handover, the_key_goes_when_somebody_has_the_shutdown_checkpoint) {
  const Decision d = stopping().peer("n2", kBeyond).peer("n3", kHere).decide();
  ASSERT_TRUE(intends<intent::Advance>(d));
  EXPECT_TRUE(std::get<intent::Advance>(d.intent).now);
  EXPECT_EQ(d.mandate.kind, Mandate::Kind::release);
}

TEST(Handover, the_key_is_kept_while_nobody_has_it) {
  const Decision d = stopping().peer("n2", kHere).peer_unreachable("n3").decide();
  ASSERT_TRUE(intends<intent::Advance>(d));
  EXPECT_FALSE(std::get<intent::Advance>(d.intent).now);
  EXPECT_EQ(d.mandate.kind, Mandate::Kind::keep);
}

TEST(Handover, everything_before_the_checkpoint_is_enough_after_a_moment) {
  ViewBuilder b = stopping().peer("n2", kHere).peer_unreachable("n3");
  b.view.operation->phase_since = b.view.now - 600ms;
  EXPECT_TRUE(std::get<intent::Advance>(b.decide().intent).now);
}

TEST(Handover, a_candidate_that_may_not_be_promoted_does_not_count) {
  ViewBuilder b = stopping().peer("n2", kBeyond).peer_unreachable("n3");
  b.view.answers.peers->at("n2").nofailover = true;
  EXPECT_FALSE(std::get<intent::Advance>(b.decide().intent).now);
}

TEST(Handover, with_the_store_silent_the_key_is_kept) {
  ViewBuilder b = stopping().peer("n2", kBeyond).peer("n3", kBeyond).store_down();
  EXPECT_FALSE(std::get<intent::Advance>(b.decide().intent).now);
}

TEST(Handover, nothing_renews_a_key_that_is_being_released) {
  ViewBuilder b = stopping();
  b.view.operation->awaits_verdict = false;
  EXPECT_EQ(b.decide().mandate.kind, Mandate::Kind::release);
  b.view.operation->phase = Phase::releasing;
  EXPECT_EQ(b.decide().mandate.kind, Mandate::Kind::release);
  b.view.operation->phase = Phase::waiting_down;
  EXPECT_EQ(b.decide().mandate.kind, Mandate::Kind::keep);
  b.view.operation->released = true;
  EXPECT_EQ(b.decide().mandate.kind, Mandate::Kind::release);
}

TEST(Operations, a_restart_of_a_server_just_promoted_needs_the_lock) {
  ViewBuilder b = ViewBuilder().as_leader().leader("n2").no_lease().operation(OperationKind::restart);
  b.view.postgres.role = postgres::Role::promoted;
  EXPECT_TRUE(intends<intent::PreEmpt>(b.decide()));
}

TEST(Operations, a_critical_phase_is_not_ended_because_its_source_is_gone) {
  ViewBuilder b =
      ViewBuilder().without_data().operation(OperationKind::clone, Phase::cloning, Cancel::critical);
  b.view.operation->source = "n2";
  b.without_member("n2");
  EXPECT_TRUE(intends<intent::None>(b.decide()));
}

TEST(Handover, of_a_demotion_goes_on_in_a_shutdown) {
  ViewBuilder b = stopping(OperationKind::demote).peer("n2", kBeyond).peer("n3", kHere);
  b.view.commands.shutdown = true;
  EXPECT_TRUE(intends<intent::Advance>(b.decide()));
}

TEST(Operations, a_start_that_takes_too_long_goes_on_where_nobody_can_take_over) {
  ViewBuilder b = ViewBuilder().as_leader().down().operation(OperationKind::start, Phase::starting);
  b.view.operation->phase_since = b.view.now - 400s;
  b.peer_unreachable("n2").peer_unreachable("n3");
  EXPECT_TRUE(intends<intent::None>(b.decide()));
  b.peer("n2", kHere);
  EXPECT_TRUE(intends<intent::PreEmpt>(b.decide()));
}

}  // namespace
}  // namespace tanist::ha
