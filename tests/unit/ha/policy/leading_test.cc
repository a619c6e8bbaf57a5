#include <gtest/gtest.h>

#include "ha/policy/timelines.h"
#include "unit/ha/view_builder.h"

namespace tanist::ha {
namespace {

using namespace testing;

/// The lock was won, the server is still a standby.
ViewBuilder winner() {
  ViewBuilder b;
  b.as_replica().lock_mine().linearizable();
  b.view.memory.race.acquiring = true;
  b.view.memory.race.acquired_on = policy::race_ground(b.build());
  return b;
}

TEST(Leading, a_healthy_leader_keeps_its_lock_and_does_nothing) {
  const ViewBuilder b = ViewBuilder().as_leader();
  const Decision d = b.decide();
  EXPECT_EQ(d.reason.text(), "no action. I am (n1), the leader with the lock");
  EXPECT_TRUE(intends<intent::None>(d));
  EXPECT_EQ(d.mandate.kind, Mandate::Kind::keep);
  EXPECT_EQ(d.mandate.good_until, b.view.now + 30s);
  EXPECT_FALSE(d.needs.any());
  EXPECT_TRUE(has_duty<duty::Member>(d));
}

TEST(Leading, the_winner_promotes_on_a_fresh_view) {
  const Decision d = winner().decide();
  EXPECT_TRUE(intends<intent::Promote>(d));
  EXPECT_EQ(d.reason.text(), "promoted self to leader by acquiring session lock");
  EXPECT_FALSE(d.memory.promotion.checkpoint_done);
}

TEST(Leading, promotion_waits_for_a_fresh_view) {
  const Decision d = winner().linearizable(false).decide();
  EXPECT_TRUE(intends<intent::None>(d));
  EXPECT_TRUE(d.needs.linearizable_view);
}

TEST(Leading, the_fence_is_armed_before_a_promotion_or_there_is_none) {
  const Decision d = winner().decide();
  bool armed = false;
  for (const auto& ordered : d.duties)
    if (const auto* fence = std::get_if<duty::Fence>(&ordered.duty))
      armed = fence->arm && ordered.on_failure == OnFailure::postpone_intent;
  EXPECT_TRUE(armed);
}

TEST(Leading, a_holder_from_before_promotes_because_it_had_the_lock) {
  ViewBuilder b = winner();
  b.view.memory.race.acquiring = false;
  EXPECT_EQ(b.decide().reason.text(), "promoted self to leader because I had the session lock");
}

TEST(Leading, a_holder_from_before_that_others_are_ahead_of_gives_the_lock_back) {
  ViewBuilder b = winner().peer("n2", Lsn{kHere.value + 8}).peer_unreachable("n3");
  b.view.memory.race.acquiring = false;
  const Decision d = b.decide();
  EXPECT_TRUE(intends<intent::Release>(d));
  EXPECT_EQ(d.reason.text(), "releasing the leader key, another member is ahead or leads already");
}

TEST(Leading, a_winner_asks_once_more_when_another_has_written_meanwhile) {
  ViewBuilder b = winner();
  b.cluster.status.optime = Lsn{kHere.value + 4096};
  Decision d = b.decide();
  EXPECT_TRUE(intends<intent::None>(d));
  EXPECT_EQ(d.needs.peers, (std::set<std::string>{"n2", "n3"}));
  b.peer("n2", Lsn{kHere.value + 4096}).peer_unreachable("n3");
  d = b.decide();
  EXPECT_TRUE(intends<intent::Release>(d));
  EXPECT_FALSE(d.memory.race.acquiring);
  b.peer_unreachable("n2");
  EXPECT_TRUE(intends<intent::Promote>(b.decide()))
      << "nobody has what was written, and it is within the limit";
}

TEST(Leading, a_winner_that_lags_too_much_by_now_gives_the_lock_back) {
  ViewBuilder b = winner();
  b.cluster.status.optime = Lsn{kHere.value + 100'000'000};
  EXPECT_TRUE(intends<intent::Release>(b.decide()));
}

TEST(Leading, a_winner_asks_once_more_when_another_was_promoted_meanwhile) {
  ViewBuilder b = winner();
  b.cluster.history = {.version = dcs::Version("60"), .lines = {{.parent = {1}, .switch_lsn = kHere}}};
  EXPECT_TRUE(b.decide().needs.peers);
  b.peer("n2", kHere, {2}).peer_unreachable("n3");
  EXPECT_TRUE(intends<intent::Release>(b.decide()));
}

TEST(Leading, a_winner_beyond_the_switch_to_a_newer_timeline_gives_the_lock_back_unasked) {
  ViewBuilder b = winner();
  b.cluster.history = {.version = dcs::Version("60"),
                       .lines = {{.parent = {1}, .switch_lsn = {kHere.value - 8}}}};
  const Decision d = b.decide();
  EXPECT_TRUE(intends<intent::Release>(d));
  EXPECT_EQ(d.reason.text(), "releasing the leader key, the WAL of this member has left that of the cluster");
}

TEST(Leading, a_winner_that_has_forgotten_what_it_decided_on_asks) {
  ViewBuilder b = winner();
  b.view.memory.race.acquired_on.reset();
  EXPECT_TRUE(b.decide().needs.peers);
}

TEST(Leading, a_winner_that_is_now_seen_to_lead_on_its_own_timeline_asks_nobody_again) {
  ViewBuilder b = winner();
  b.view.memory.race.acquired_on->timeline = {};
  b.cluster.members["n1"].timeline = {1};
  const Decision d = b.decide();
  EXPECT_FALSE(d.needs.peers) << "a failover that gave WAL up would be taken back for it";
  EXPECT_TRUE(intends<intent::Promote>(d));
}

TEST(Leading, a_primary_whose_request_for_the_key_arrived_after_another_led_is_demoted) {
  ViewBuilder b;
  b.as_leader();
  b.view.memory.race.acquiring = true;
  b.cluster.history = {.version = dcs::Version("60"), .lines = {{.parent = {1}, .switch_lsn = kHere}}};
  const Decision d = b.decide();
  ASSERT_TRUE(intends<intent::Demote>(d));
  EXPECT_EQ(std::get<intent::Demote>(d.intent).mode, DemoteMode::immediate);
  EXPECT_TRUE(says(d, "My timeline 1 is behind last known cluster timeline 2"));
}

TEST(Leading, a_primary_that_took_the_lock_says_so_once) {
  ViewBuilder b;
  b.as_leader();
  b.view.memory.race.acquiring = true;
  const Decision d = b.decide();
  EXPECT_EQ(d.reason.text(), "acquired session lock as a leader");
  EXPECT_FALSE(d.memory.race.acquiring);
}

TEST(Leading, without_a_lease_nobody_promotes) {
  const Decision d = winner().no_lease().decide();
  EXPECT_TRUE(intends<intent::None>(d));
  EXPECT_EQ(d.reason.text(), "not promoting because failed to update leader lock in DCS");
}

TEST(Leading, with_a_lease_that_is_about_to_end_nobody_promotes) {
  EXPECT_FALSE(intends<intent::Promote>(winner().lease_for(5s).decide()));
}

TEST(Leading, a_primary_whose_lease_is_over_is_demoted) {
  const Decision d = ViewBuilder().as_leader().no_lease().decide();
  ASSERT_TRUE(intends<intent::Demote>(d));
  EXPECT_EQ(std::get<intent::Demote>(d.intent).mode, DemoteMode::immediate_nolock);
  EXPECT_EQ(d.reason.text(), "demoted self because failed to update leader lock in DCS");
}

TEST(Leading, a_primary_whose_lease_is_about_to_end_is_stopped_fast) {
  const Decision d = ViewBuilder().as_leader().lease_for(5s).decide();
  ASSERT_TRUE(intends<intent::Demote>(d));
  EXPECT_EQ(std::get<intent::Demote>(d.intent).mode, DemoteMode::offline);
}

TEST(Leading, an_unusable_watchdog_gives_the_lock_back_instead_of_promoting) {
  ViewBuilder b = winner();
  b.view.fence.usable = false;
  const Decision d = b.decide();
  EXPECT_TRUE(intends<intent::Release>(d));
  EXPECT_EQ(d.mandate.kind, Mandate::Kind::release);
  EXPECT_EQ(d.reason.text(), "Not promoting self because watchdog could not be activated");
}

TEST(Leading, a_primary_whose_watchdog_fails_is_demoted) {
  ViewBuilder b;
  b.as_leader();
  b.view.fence = {.usable = false, .armed = false};
  const Decision d = b.decide();
  ASSERT_TRUE(intends<intent::Demote>(d));
  EXPECT_EQ(std::get<intent::Demote>(d.intent).mode, DemoteMode::immediate);
}

TEST(Leading, an_adopted_primary_arms_the_fence) {
  ViewBuilder b;
  b.as_leader();
  b.view.fence.armed = b.view.fence.holds = false;
  const auto fences = duties<duty::Fence>(b.decide());
  ASSERT_EQ(fences.size(), 1U);
  EXPECT_TRUE(fences[0].arm);
}

TEST(Leading, a_failed_pre_promote_gives_the_lock_back_and_stays_out_for_ttl) {
  ViewBuilder b = winner().ended(OperationKind::promote, Ending::pre_promote_failed);
  const Decision d = b.decide();
  EXPECT_TRUE(intends<intent::Release>(d));
  EXPECT_EQ(d.reason.text(), "Promotion cancelled because the pre-promote script failed");
  EXPECT_TRUE(says(d, "Releasing the leader key voluntarily because the pre-promote script failed"));
  EXPECT_EQ(d.memory.race.not_before, b.view.now + 30s);
  EXPECT_FALSE(d.memory.promotion.pre_promote_failed);
}

TEST(Leading, another_failure_of_a_promotion_is_tried_again_a_little_later) {
  ViewBuilder b = winner().ended(OperationKind::promote, false, "PostgreSQL did not become writable");
  const Decision d = b.decide();
  EXPECT_TRUE(intends<intent::None>(d));
  ASSERT_TRUE(d.wake_at);
  b.view.last_operation->ended = b.view.now - 6s;
  EXPECT_TRUE(intends<intent::Promote>(b.decide()));
}

TEST(Leading, after_a_failed_promotion_the_word_is_replica_again) {
  ViewBuilder b = winner().ended(OperationKind::promote, false, "PostgreSQL did not become writable");
  b.view.postgres.role = postgres::Role::promoted;
  const auto roles = duties<duty::SetRole>(b.decide());
  ASSERT_FALSE(roles.empty());
  EXPECT_EQ(roles[0].role, postgres::Role::replica);
}

TEST(Leading, a_probe_from_before_the_promotion_does_not_promote_again) {
  ViewBuilder b = winner().ended(OperationKind::promote, true);
  b.view.postgres.role = postgres::Role::primary;
  const Decision d = b.decide();
  EXPECT_TRUE(intends<intent::None>(d));
  EXPECT_FALSE(has_duty<duty::Status>(d));
  EXPECT_FALSE(d.memory.promotion.checkpoint_done);
  EXPECT_LE(*d.wake_at, b.view.now + 200ms);
}

TEST(Leading, sync_state_goes_before_a_promotion_without_synchronous_mode) {
  ViewBuilder b = winner();
  b.cluster.sync = {.version = dcs::Version("9"), .leader = "n2", .voters = {"n1"}};
  const Decision d = b.decide();
  EXPECT_TRUE(intends<intent::Promote>(d));
  const auto deleted = duties<duty::DeleteSync>(d);
  ASSERT_EQ(deleted.size(), 1U);
  EXPECT_EQ(deleted[0].version, dcs::Version("9"));
}

TEST(Leading, a_holder_that_is_not_in_sync_gives_the_lock_back) {
  ViewBuilder b = winner();
  b.settings.dynamic.synchronous_mode = config::Dynamic::SyncMode::on;
  b.cluster.sync = {.version = dcs::Version("9"), .leader = "n2", .voters = {"n3"}};
  EXPECT_TRUE(intends<intent::Release>(b.decide())) << "it was won on another /sync";
}

TEST(Leading, sync_state_that_is_configured_off_is_removed) {
  ViewBuilder b;
  b.as_leader();
  b.cluster.sync = {.version = dcs::Version("9"), .leader = "n1", .voters = {"n2"}};
  const Decision d = b.decide();
  EXPECT_TRUE(has_duty<duty::DeleteSync>(d));
  EXPECT_TRUE(says(d, "Disabled synchronous replication"));
}

TEST(Leading, sync_state_is_kept_while_the_configuration_is_unknown) {
  ViewBuilder b;
  b.as_leader();
  b.cluster.sync = {.version = dcs::Version("9"), .leader = "n1", .voters = {"n2"}};
  b.cluster.config.valid = false;
  EXPECT_FALSE(has_duty<duty::DeleteSync>(b.decide()));
}

TEST(Leading, a_wiped_store_is_filled_again_on_a_fresh_view) {
  ViewBuilder b;
  b.as_leader();
  b.cluster.initialize = {};
  b.cluster.config = {};
  EXPECT_TRUE(b.decide().needs.linearizable_view);
  const Decision d = b.linearizable().decide();
  const auto initialize = duties<duty::Initialize>(d);
  ASSERT_EQ(initialize.size(), 1U);
  EXPECT_TRUE(std::holds_alternative<dcs::IfAbsent>(initialize[0].condition));
  EXPECT_EQ(initialize[0].system_id, kSystemId);
  EXPECT_TRUE(has_duty<duty::Config>(d));
}

TEST(Leading, a_broken_initialize_key_is_overwritten_by_version) {
  ViewBuilder b;
  b.as_leader().linearizable();
  b.cluster.initialize.value = "junk";
  const auto initialize = duties<duty::Initialize>(b.decide());
  ASSERT_EQ(initialize.size(), 1U);
  EXPECT_EQ(std::get<dcs::IfVersion>(initialize[0].condition).version, dcs::Version("2"));
}

TEST(Leading, a_server_that_does_not_answer_keeps_the_lock) {
  ViewBuilder b;
  b.as_leader();
  b.view.postgres.facts.failing_since = b.view.now - 3s;
  const Decision d = b.decide();
  EXPECT_EQ(d.mandate.kind, Mandate::Kind::keep);
  EXPECT_EQ(d.reason.text(), "Error communicating with PostgreSQL. Will try again later");
  EXPECT_TRUE(intends<intent::None>(d));
}

TEST(Leading, a_standby_that_does_not_answer_gives_the_lock_back) {
  ViewBuilder b = winner();
  b.view.postgres.facts.failing_since = b.view.now - 3s;
  EXPECT_TRUE(intends<intent::None>(b.decide()));
  b.view.postgres.facts.failing_since = b.view.now - 10s;
  EXPECT_TRUE(intends<intent::Release>(b.decide()));
}

TEST(Leading, the_checkpoint_after_a_promotion_is_confirmed_by_the_control_file) {
  ViewBuilder b;
  b.as_leader();
  b.view.memory.promotion.checkpoint_done = false;
  EXPECT_TRUE(b.decide().memory.promotion.checkpoint_done);
}

TEST(Leading, the_checkpoint_after_a_promotion_is_asked_for_once) {
  ViewBuilder b;
  b.as_leader();
  b.view.memory.promotion.checkpoint_done = false;
  b.view.postgres.facts.probe->timeline = {2};
  const Decision d = b.decide();
  EXPECT_TRUE(has_duty<duty::CheckpointAfterPromote>(d));
  EXPECT_TRUE(d.memory.promotion.checkpoint_running);
  b.view.memory = d.memory;
  EXPECT_FALSE(has_duty<duty::CheckpointAfterPromote>(b.decide()));
}

TEST(Leading, an_old_control_file_is_read_anew_before_a_checkpoint) {
  ViewBuilder b;
  b.as_leader();
  b.view.memory.promotion.checkpoint_done = false;
  b.view.postgres.facts.probe->timeline = {2};
  b.view.postgres.facts.control->seen_at = b.view.now - 60s;
  const Decision d = b.decide();
  EXPECT_TRUE(d.needs.control_file);
  EXPECT_FALSE(has_duty<duty::CheckpointAfterPromote>(d));
}

TEST(Leading, starting_up_keeps_the_lock_until_the_timeout) {
  const Decision d = ViewBuilder().as_leader().starting(100s).decide();
  EXPECT_EQ(d.reason.text(), "PostgreSQL is still starting up, 200 seconds until timeout");
  EXPECT_EQ(d.mandate.kind, Mandate::Kind::keep);
}

TEST(Leading, starting_up_for_too_long_fails_over_where_somebody_can_take_over) {
  const Decision d =
      ViewBuilder().as_leader().starting(301s).peer("n2", kHere).peer_unreachable("n3").decide();
  ASSERT_TRUE(intends<intent::Demote>(d));
  EXPECT_EQ(std::get<intent::Demote>(d.intent).mode, DemoteMode::immediate);
  EXPECT_EQ(d.reason.text(), "stopped PostgreSQL because of startup timeout");
}

TEST(Leading, starting_up_for_too_long_goes_on_where_nobody_can) {
  const Decision d =
      ViewBuilder().as_leader().starting(301s).peer_unreachable("n2").peer_unreachable("n3").decide();
  EXPECT_TRUE(intends<intent::None>(d));
  EXPECT_EQ(d.reason.text(),
            "primary start has timed out, but continuing to wait because failover is not possible");
}

TEST(Leading, a_server_that_answers_no_new_connections_is_told_of_and_leads_on) {
  ViewBuilder b = ViewBuilder().as_leader();
  b.view.postgres.facts.silent_since = b.view.now - 70s;
  b.peer("n2", kHere).peer_unreachable("n3");
  const Decision d = b.decide();
  EXPECT_FALSE(intends<intent::Demote>(d));
  EXPECT_EQ(d.mandate.kind, Mandate::Kind::keep);
  EXPECT_TRUE(says_something_like(d, "has not answered new connections for 70 s: the leader key is kept"));
}

TEST(Leading, a_silent_server_gives_way_where_that_is_configured_and_somebody_can_take_over) {
  ViewBuilder b = ViewBuilder().as_leader();
  b.settings.silent_primary_timeout = 60s;
  b.view.postgres.facts.silent_since = b.view.now - 50s;
  b.peer("n2", kHere).peer_unreachable("n3");
  Decision d = b.decide();
  EXPECT_FALSE(intends<intent::Demote>(d));
  b.view.postgres.facts.silent_since = b.view.now - 61s;
  d = b.decide();
  EXPECT_TRUE(intends<intent::Demote>(d));
  EXPECT_EQ(d.reason.code, Code::demoted_silent);
  b.view.answers = {};
  b.peer_unreachable("n2").peer_unreachable("n3");
  EXPECT_FALSE(intends<intent::Demote>(b.decide()));
  b.peer("n2", kHere);
  b.settings.dynamic.pause = true;
  EXPECT_FALSE(intends<intent::Demote>(b.decide()));
}

/// A backend was killed, and the server recovers from that; the answer of before is kept.
ViewBuilder recovering_from_a_crash(Duration since) {
  ViewBuilder b = ViewBuilder().as_leader();
  b.view.postgres.facts.accepting = postgres::Accepting::rejecting;
  b.view.postgres.facts.failing_since = b.view.now - since;
  return b;
}

TEST(Leading, a_leader_that_recovers_from_the_crash_of_a_backend_is_starting) {
  const Decision d = recovering_from_a_crash(100s).decide();
  EXPECT_EQ(d.reason.text(), "PostgreSQL is still starting up, 200 seconds until timeout");
  EXPECT_EQ(d.mandate.kind, Mandate::Kind::keep);
  ASSERT_TRUE(has_duty<duty::SetState>(d));
  const auto state = duties<duty::SetState>(d).front();
  EXPECT_EQ(state.state, postgres::State::starting);
  EXPECT_EQ(state.since, recovering_from_a_crash(100s).view.now - 100s);
}

TEST(Leading, a_leader_that_recovers_from_the_crash_of_a_backend_for_too_long_is_replaced) {
  const Decision d = recovering_from_a_crash(301s).peer("n2", kHere).peer_unreachable("n3").decide();
  EXPECT_EQ(d.reason.code, Code::stopped_startup_timeout);
  EXPECT_TRUE(intends<intent::Demote>(d));
}

TEST(Leading, a_holder_from_before_that_another_has_overtaken_gives_the_lock_back) {
  ViewBuilder b = ViewBuilder().as_replica().lock_mine().linearizable();
  b.view.memory.race.acquiring = false;
  b.peer("n2", Lsn{kHere.value + 100}).peer("n3", kHere);
  const Decision d = b.decide();
  EXPECT_TRUE(intends<intent::Release>(d));
  EXPECT_EQ(d.reason.code, Code::released_not_healthiest);
}

TEST(Leading, in_pause_the_fence_is_left_alone) {
  ViewBuilder b = ViewBuilder().as_leader();
  b.settings.dynamic.pause = true;
  b.view.fence.armed = b.view.fence.holds = false;
  EXPECT_FALSE(has_duty<duty::Fence>(b.decide()));
}

TEST(Leading, a_holder_that_does_not_know_its_position_waits_for_it) {
  ViewBuilder b = ViewBuilder().as_replica().lock_mine().linearizable().peer("n2", kHere).peer("n3", kHere);
  b.view.postgres.facts.probe->receive = b.view.postgres.facts.probe->replay = {};
  const Decision d = b.decide();
  EXPECT_TRUE(intends<intent::None>(d));
  EXPECT_EQ(d.reason.code, Code::postgres_error);
}

TEST(Leading, in_pause_a_standby_gives_the_lock_back) {
  ViewBuilder b = ViewBuilder().as_replica().lock_mine();
  b.settings.dynamic.pause = true;
  const Decision d = b.decide();
  EXPECT_TRUE(intends<intent::Release>(d));
  EXPECT_EQ(d.reason.code, Code::removed_lock_not_primary);
}

TEST(Leading, in_pause_a_primary_whose_lease_ends_goes_on) {
  ViewBuilder b = ViewBuilder().as_leader().no_lease();
  b.settings.dynamic.pause = true;
  const Decision d = b.decide();
  EXPECT_TRUE(intends<intent::None>(d));
  EXPECT_EQ(d.reason.code, Code::continue_without_lock);
}

/// A daemon that was restarted while its server promoted itself: it looks like a standby until that is over.
struct PromotionOfBefore : ::testing::Test {
  PromotionOfBefore() {
    b.as_replica().lock_mine().lease_for(29s);
    b.view.postgres.promoting = true;
  }
  ViewBuilder b;
};

TEST_F(PromotionOfBefore, is_waited_for_with_the_key) {
  // Somebody else is ahead: no reason any more to give the key away.
  const Decision d =
      b.linearizable().peer("n2", {kHere.value + 120}).peer("n3", {kHere.value + 120}).decide();
  EXPECT_TRUE(intends<intent::None>(d));
  EXPECT_EQ(d.mandate.kind, Mandate::Kind::keep);
  EXPECT_EQ(d.reason.code, Code::promotion_goes_on);
  EXPECT_TRUE(d.wake_at.has_value());
}

TEST_F(PromotionOfBefore, is_told_again_where_the_daemon_before_may_not_have_done_it) {
  Decision d = b.decide();
  b.view.memory = d.memory;
  b.view.now += 2s;
  b.lease_for(29s);
  d = b.decide();
  EXPECT_TRUE(intends<intent::None>(d)) << "it may take a moment";
  b.view.memory = d.memory;
  b.view.now += 1s;
  b.lease_for(29s);
  d = b.decide();
  EXPECT_TRUE(intends<intent::Promote>(d));
  EXPECT_EQ(d.mandate.kind, Mandate::Kind::keep);
  b.view.memory = d.memory;
  b.view.now += 1s;
  b.lease_for(29s);
  EXPECT_TRUE(intends<intent::None>(b.decide())) << "and is given time again";
}

TEST_F(PromotionOfBefore, is_waited_for_in_pause_too) {
  b.settings.dynamic.pause = true;
  EXPECT_TRUE(intends<intent::None>(b.decide()));
}

TEST_F(PromotionOfBefore, is_stopped_when_another_leads) {
  EXPECT_TRUE(intends<intent::Demote>(b.leader("n2").no_lease().decide()));
}

TEST_F(PromotionOfBefore, is_stopped_when_the_lease_cannot_be_proven) {
  EXPECT_TRUE(intends<intent::Demote>(b.no_lease().decide()));
}

TEST_F(PromotionOfBefore, is_stopped_when_the_store_is_silent_and_the_lease_is_over) {
  EXPECT_TRUE(intends<intent::Demote>(b.no_lease().store_down().decide()));
}

TEST_F(PromotionOfBefore, keeps_the_words_of_a_primary) {
  const Decision d = b.decide();
  const auto roles = duties<duty::SetRole>(d);
  ASSERT_EQ(roles.size(), 1u);
  EXPECT_EQ(roles[0].role, postgres::Role::promoted);
}

TEST(Leading, a_winner_on_whose_way_another_was_promoted_asks_again) {
  ViewBuilder b = winner();
  ASSERT_TRUE(intends<intent::Promote>(b.decide()));
  b.view.memory.race.acquired_on->history = dcs::Version("59");
  EXPECT_TRUE(b.decide().needs.peers);
}

}  // namespace
}  // namespace tanist::ha
