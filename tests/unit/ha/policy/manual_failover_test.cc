#include "ha/policy/manual_failover.h"

#include <gtest/gtest.h>

#include "unit/ha/policy/failover_requests.h"
#include "unit/ha/view_builder.h"

namespace tanist::ha {
namespace {

using namespace testing;

TEST(SwitchoverOnLeader, to_a_named_candidate) {
  const Decision d = leading("n1", "n3").decide();
  ASSERT_TRUE(hands_over(d));
  EXPECT_EQ(std::get<intent::Demote>(d.intent).name, "switchover: demote");
  EXPECT_EQ(d.reason.text(), "switchover: demoting myself");
  EXPECT_EQ(d.mandate.kind, Mandate::Kind::keep);
  EXPECT_FALSE(has_duty<duty::Failover>(d)) << "whoever wins rewrites the key";
}

TEST(SwitchoverOnLeader, to_whoever_is_fit) {
  EXPECT_TRUE(hands_over(leading("n1", "").peer_unreachable("n3").decide()));
}

TEST(SwitchoverOnLeader, a_failover_to_a_candidate_is_carried_out_by_a_live_leader_too) {
  const Decision d = leading("", "n2").decide();
  ASSERT_TRUE(hands_over(d));
  EXPECT_EQ(d.reason.text(), "manual failover: demoting myself");
}

TEST(SwitchoverOnLeader, is_decided_on_a_fresh_view) {
  const Decision d = leading("n1", "n2").linearizable(false).decide();
  EXPECT_FALSE(hands_over(d));
  EXPECT_TRUE(d.needs.linearizable_view);
}

TEST(SwitchoverOnLeader, asks_only_the_candidate) {
  ViewBuilder b = ViewBuilder().as_leader().linearizable();
  EXPECT_EQ(asks(b, "n1", "n3").decide().needs.peers, std::set<std::string>{"n3"});
  EXPECT_EQ(asks(b, "n1", "").decide().needs.peers, (std::set<std::string>{"n2", "n3"}));
}

TEST(SwitchoverOnLeader, is_refused_in_the_order_of_the_checks) {
  // Each fails the checks after it as well.
  expect_refused(leading("n9", "n1").decide(), "switchover: leader name does not match: n9 != n1");
  expect_refused(leading("n1", "n1").decide(), "switchover: I am already the leader, no need to switchover");
  expect_refused(leading("", "n1").decide(), "manual failover: I am already the leader, no need to failover");
  ViewBuilder b = leading("n1", "");
  b.settings.dynamic.pause = true;
  expect_refused(b.decide(), "Switchover is possible only to a specific candidate in a paused state");
  expect_refused(leading("n1", "n9").decide(),
                 "switchover: no healthy members found, switchover is not possible");
  expect_refused(leading("", "n9").decide(),
                 "manual failover: no healthy members found, failover is not possible");
}

TEST(SwitchoverOnLeader, needs_a_member_that_can_lead) {
  const std::string none = "switchover: no healthy members found, switchover is not possible";
  ViewBuilder b = leading("n1", "n2").peer_unreachable("n2");
  expect_refused(b.decide(), none);
  EXPECT_TRUE(says(b.decide(), "Member n2 is not reachable"));
  b = leading("n1", "n2").peer("n2", Lsn{kHere.value - 2'000'000});
  expect_refused(b.decide(), none);
  EXPECT_TRUE(says(b.decide(), "Member n2 exceeds maximum replication lag"));
  b = leading("n1", "n2");
  b.view.answers.peers->at("n2").nofailover = true;
  expect_refused(b.decide(), none);
  EXPECT_TRUE(says(b.decide(), "Member n2 is not allowed to promote"));
  b = leading("n1", "n2");
  b.view.answers.peers->at("n2").watchdog_failed = true;
  expect_refused(b.decide(), none);
  b = leading("n1", "n2");
  b.settings.dynamic.check_timeline = true;
  b.view.answers.peers->at("n2").timeline = {0};
  b.cluster.history.lines = {{.parent = {1}, .switch_lsn = kBehind}};
  b.cluster.history.empty_list = false;
  b.view.postgres.facts.probe->timeline = {2};
  EXPECT_FALSE(hands_over(b.decide()));
  b = leading("n1", "n2").without_member("n2");
  expect_refused(b.decide(), none);
  EXPECT_TRUE(says(b.decide(), "switchover: candidates list is empty"));
  b = leading("n1", "n2");
  b.cluster.members["n2"].tags = Document::map({{"nofailover", true}});
  expect_refused(b.decide(), none);
}

TEST(SwitchoverOnLeader, what_was_refused_is_not_looked_at_again) {
  ViewBuilder b = leading("n1", "n2").peer_unreachable("n2");
  const Decision first = b.decide();
  b.view.memory = first.memory;
  b.peer("n2", kHere);
  const Decision d = b.decide();
  EXPECT_FALSE(hands_over(d)) << "the request is over, whatever becomes of its key";
  EXPECT_TRUE(has_duty<duty::Failover>(d)) << "the key is still to be rewritten";
  EXPECT_FALSE(says(d, "Cleaning up failover key"));
  b.cluster.failover.version = dcs::Version("78");
  EXPECT_TRUE(hands_over(b.decide())) << "another request is another matter";
}

TEST(SwitchoverOnLeader, without_a_request_nothing_happens) {
  ViewBuilder b = leading("", "");
  EXPECT_TRUE(intends<intent::None>(b.decide()));
  EXPECT_FALSE(has_duty<duty::Failover>(b.decide()));
}

TEST(SwitchoverOnLeader, needs_a_lease_that_covers_it) {
  EXPECT_FALSE(hands_over(leading("n1", "n2").no_lease().decide()));
}

TEST(SwitchoverOnLeader, is_carried_out_while_it_starts) {
  EXPECT_TRUE(hands_over(leading("n1", "n2").starting(5s).decide()));
}

TEST(SwitchoverOnLeader, in_pause_goes_to_a_candidate) {
  ViewBuilder b = leading("n1", "n2");
  b.settings.dynamic.pause = true;
  EXPECT_TRUE(hands_over(b.decide()));
}

TEST(ScheduledSwitchover, is_waited_for) {
  ViewBuilder b = leading("n1", "n2", 90s);
  const Decision d = b.decide();
  EXPECT_TRUE(intends<intent::None>(d));
  EXPECT_FALSE(has_duty<duty::Failover>(d));
  EXPECT_TRUE(
      says(d, "Awaiting switchover at " + iso8601(*b.cluster.failover.scheduled_at) + " (in 90 seconds)"));
  b = leading("n1", "n2", 4s);
  const Decision near = b.decide();
  EXPECT_FALSE(says_something_like(near, "Awaiting"));
  ASSERT_TRUE(near.wake_at);
  EXPECT_EQ(*near.wake_at, b.view.now + 4s);
}

TEST(ScheduledSwitchover, is_carried_out_when_it_is_due) {
  ViewBuilder b = leading("n1", "n2", 0s);
  const Decision d = b.decide();
  EXPECT_TRUE(hands_over(d));
  EXPECT_TRUE(says(d, "Manual scheduled switchover at " + iso8601(*b.cluster.failover.scheduled_at)));
  EXPECT_TRUE(hands_over(leading("n1", "n2", -14s).decide()));
}

TEST(ScheduledSwitchover, whose_time_is_long_past_is_refused) {
  ViewBuilder b = leading("n1", "n2", -16s);
  expect_refused(b.decide(),
                 "Found a stale switchover value, cleaning up: " + iso8601(*b.cluster.failover.scheduled_at));
}

TEST(ScheduledSwitchover, whose_time_cannot_be_read_is_refused) {
  ViewBuilder b = leading("n1", "n2");
  b.cluster.failover.invalid_schedule = "2031-05-01T10:00";
  expect_refused(b.decide(), "Incorrect value of scheduled_at: 2031-05-01T10:00");
}

TEST(ScheduledSwitchover, waits_for_the_end_of_a_pause) {
  for (const Duration in : {Duration(0s), Duration(-1h)}) {
    ViewBuilder b = leading("n1", "n2", in);
    b.settings.dynamic.pause = true;
    EXPECT_TRUE(intends<intent::None>(b.decide()));
    EXPECT_FALSE(has_duty<duty::Failover>(b.decide()));
  }
}

// The stop asks once more.

TEST(BeforeTheStop, goes_on_while_the_candidate_is_fit) {
  EXPECT_TRUE(goes_on(about_to_stop().decide()));
  EXPECT_EQ(about_to_stop().decide().mandate.kind, Mandate::Kind::keep);
}

TEST(BeforeTheStop, a_candidate_that_is_gone_ends_it) {
  const Decision d = about_to_stop().peer_unreachable("n2").decide();
  EXPECT_TRUE(intends<intent::PreEmpt>(d));
  EXPECT_TRUE(says(d, "switchover: no healthy members found, switchover is not possible"));
  EXPECT_TRUE(has_duty<duty::Failover>(d));
}

TEST(BeforeTheStop, a_request_that_was_taken_back_or_replaced_ends_it) {
  for (const char* version : {"78", ""}) {
    ViewBuilder b = about_to_stop();
    b.cluster.failover = {.version = dcs::Version(version)};
    EXPECT_TRUE(intends<intent::PreEmpt>(b.decide()));
    EXPECT_FALSE(has_duty<duty::Failover>(b.decide()));
  }
}

TEST(BeforeTheStop, another_request_ends_it_also_where_its_candidate_is_fit) {
  ViewBuilder b = about_to_stop();
  b.cluster.failover.version = dcs::Version("78");
  EXPECT_TRUE(intends<intent::PreEmpt>(b.decide()));
}

TEST(BeforeTheStop, a_store_that_is_out_of_reach_ends_it) {
  EXPECT_TRUE(intends<intent::PreEmpt>(about_to_stop().store_down().decide()));
}

TEST(BeforeTheStop, a_lost_lock_ends_it) {
  ViewBuilder b = about_to_stop();
  EXPECT_TRUE(intends<intent::PreEmpt>(b.no_lease().decide()));
}

TEST(BeforeTheStop, a_candidate_that_replays_late_is_waited_for_but_not_for_ever) {
  ViewBuilder b = about_to_stop();
  b.view.answers.peers->at("n2").replayed = Lsn{kHere.value - 30'000'000};
  EXPECT_FALSE(goes_on(b.decide()));
  EXPECT_FALSE(intends<intent::PreEmpt>(b.decide()));
  b.view.operation->phase_since = b.view.now - 6s;
  EXPECT_TRUE(goes_on(b.decide()));
}

TEST(BeforeTheStop, a_candidate_that_does_not_receive_what_is_written_ends_it_after_a_while) {
  for (const bool other_timeline : {false, true}) {
    ViewBuilder b = about_to_stop();
    if (other_timeline) {
      b.view.answers.peers->at("n2").timeline = {2};
    } else {
      b.cluster.status.optime = Lsn{kHere.value - 2'000'000};
      b.peer("n2", Lsn{kHere.value - 2'000'000});
    }
    EXPECT_FALSE(goes_on(b.decide()));
    EXPECT_FALSE(intends<intent::PreEmpt>(b.decide()));
    b.view.operation->phase_since = b.view.now - 6s;
    const Decision d = b.decide();
    EXPECT_TRUE(intends<intent::PreEmpt>(d));
    EXPECT_TRUE(says(d, "switchover: no member receives what this one writes, it is not carried out"));
    EXPECT_TRUE(has_duty<duty::Failover>(d));
  }
}

TEST(BeforeTheStop, what_was_tried_once_is_not_tried_again) {
  ViewBuilder b = leading("n1", "n2");
  b.view.memory = b.decide().memory;
  expect_refused(b.decide(), "switchover: nobody took over, this member goes on leading");
}

TEST(BeforeTheStop, is_cancelled_without_a_trace) {
  ViewBuilder b = ViewBuilder().as_leader().ended(OperationKind::demote, Ending::cancelled);
  const Decision d = b.decide();
  EXPECT_TRUE(intends<intent::None>(d));
  EXPECT_FALSE(d.memory.outage.since);
}

TEST(AfterTheStop, the_key_goes_when_the_candidate_has_the_shutdown_checkpoint) {
  ViewBuilder b = leading("n1", "n2").operation(OperationKind::demote, Phase::awaiting_release, Cancel::no);
  b.view.operation->awaits_verdict = true;
  b.view.operation->checkpoint_lsn = kHere;
  b.view.operation->phase_since = b.view.now - 5ms;
  b.peer("n2", kHere).peer("n3", kBeyond);
  EXPECT_FALSE(goes_on(b.decide())) << "n3 is not whom the operator wants";
  b.peer("n2", kBeyond);
  EXPECT_TRUE(goes_on(b.decide()));
  b.peer_unreachable("n2");
  b.view.operation->phase_since = b.view.now - 2s;
  EXPECT_TRUE(goes_on(b.decide())) << "better n3 than nobody";
}

// The race.

TEST(RequestInRace, its_candidate_wins_at_once) {
  EXPECT_TRUE(intends<intent::Acquire>(racing("n2", "n1").decide()));
}

TEST(RequestInRace, its_candidate_waits_for_nobody_who_does_not_answer) {
  ViewBuilder b = ViewBuilder().as_candidate();
  const Decision d = asks(b, "n2", "n1").decide();
  EXPECT_EQ(d.needs.peers, d.needs.peers_gone);
}

TEST(RequestInRace, its_candidate_does_not_mind_priorities) {
  ViewBuilder b = racing("n2", "n1");
  b.view.answers.peers->at("n3").failover_priority = 9;
  EXPECT_TRUE(intends<intent::Acquire>(b.decide()));
}

TEST(RequestInRace, its_candidate_does_not_lead_beside_a_primary) {
  for (const char* leader : {"n2", ""}) {
    const Decision d = racing(leader, "n1").peer_primary("n2").decide();
    EXPECT_FALSE(intends<intent::Acquire>(d));
    EXPECT_TRUE(says(d, "Primary (n2) is still alive"));
    EXPECT_FALSE(has_duty<duty::Failover>(d));
  }
}

TEST(RequestInRace, a_switchover_loses_nothing_that_another_member_has) {
  const Decision d = racing("n2", "n1").peer("n3", kBeyond).decide();
  EXPECT_FALSE(intends<intent::Acquire>(d));
  EXPECT_TRUE(has_duty<duty::Failover>(d)) << "the others are waiting for the candidate";
}

TEST(RequestInRace, a_switchover_loses_nothing_that_the_last_leader_is_known_to_have_written) {
  ViewBuilder b = racing("n2", "n1");
  b.cluster.status.optime = Lsn{kHere.value + 2'000'000};
  const Decision d = b.decide();
  EXPECT_FALSE(intends<intent::Acquire>(d));
  EXPECT_TRUE(has_duty<duty::Failover>(d));
  asks(b, "", "n1");
  EXPECT_TRUE(intends<intent::Acquire>(b.decide())) << "a failover may";
}

TEST(RequestInRace, a_failover_may_lose_what_another_member_has) {
  EXPECT_TRUE(intends<intent::Acquire>(racing("", "n1").peer("n3", kBeyond).decide()));
}

TEST(RequestInRace, a_diverged_candidate_does_not_lead) {
  ViewBuilder b = racing("", "n1");
  b.view.memory.rejoin.found_diverged = true;
  EXPECT_FALSE(intends<intent::Acquire>(b.decide()));
}

TEST(RequestInRace, a_candidate_that_may_never_lead_does_not) {
  ViewBuilder b = racing("n2", "n1");
  b.settings.tags.nofailover = true;
  EXPECT_FALSE(intends<intent::Acquire>(b.decide()));
}

TEST(RequestInRace, others_stand_back_for_the_candidate) {
  const Decision d = racing("n2", "n3").decide();
  EXPECT_FALSE(intends<intent::Acquire>(d));
  EXPECT_TRUE(says(d, "switchover: to n3, i am n1"));
  EXPECT_EQ(d.memory.rejoin.rewind, RewindState::check);
  EXPECT_TRUE(says(racing("", "n3").decide(), "manual failover: to n3, i am n1"));
}

TEST(RequestInRace, others_ask_only_the_candidate) {
  ViewBuilder b = ViewBuilder().as_candidate();
  EXPECT_EQ(asks(b, "n2", "n3").decide().needs.peers, std::set<std::string>{"n3"});
}

TEST(RequestInRace, others_lead_in_the_place_of_a_candidate_that_cannot) {
  const Decision d = racing("n2", "n3").peer_unreachable("n3").decide();
  EXPECT_TRUE(intends<intent::Acquire>(d));
  EXPECT_TRUE(says(d, "switchover: member n3 is not reachable"));
  ViewBuilder b = racing("n2", "n3");
  b.view.answers.peers->at("n3").nofailover = true;
  EXPECT_TRUE(says(b.decide(), "switchover: member n3 is not allowed to promote"));
  b = racing("n2", "n3");
  b.view.answers.peers->at("n3").watchdog_failed = true;
  EXPECT_TRUE(says(b.decide(), "switchover: member n3 is not watchdog capable"));
  b = racing("n2", "n3");
  b.view.answers.peers->at("n3").diverged = true;
  EXPECT_TRUE(intends<intent::Acquire>(b.decide()));
  EXPECT_TRUE(intends<intent::Acquire>(racing("n2", "n9").decide())) << "no such member";
  EXPECT_TRUE(
      says(racing("n2", "n3").peer("n3", kBehind).decide(), "switchover: member n3 is behind this member"));
  EXPECT_FALSE(intends<intent::Acquire>(racing("", "n3").peer("n3", kBehind).decide())) << "as asked for";
}

TEST(RequestInRace, a_candidate_that_does_not_take_the_key_is_not_waited_for_for_ever) {
  ViewBuilder b = racing("n2", "n3");
  b.view.memory = b.decide().memory;
  b.view.now += 9s;
  EXPECT_FALSE(intends<intent::Acquire>(b.decide()));
  b.view.now += 2s;
  b.view.postgres.facts.probe->asked_at = b.view.now;
  const Decision d = b.decide();
  EXPECT_TRUE(intends<intent::Acquire>(d));
  EXPECT_TRUE(says(d, "switchover: member n3 is not taking the leader key"));
}

TEST(RequestInRace, without_a_candidate_the_best_of_the_others_leads) {
  EXPECT_TRUE(intends<intent::Acquire>(racing("n2", "").decide()));
  EXPECT_FALSE(intends<intent::Acquire>(racing("n2", "").peer("n3", kBeyond).decide()));
}

TEST(RequestInRace, the_former_leader_takes_back_what_nobody_else_can_have) {
  ViewBuilder b = racing("n1", "").peer("n2", kHere).peer_unreachable("n3");
  EXPECT_FALSE(intends<intent::Acquire>(b.decide()));
  EXPECT_TRUE(intends<intent::Acquire>(b.peer("n2", kBehind).decide()));
  EXPECT_TRUE(intends<intent::Acquire>(b.peer_unreachable("n2").decide()));
}

TEST(RequestInRace, nobody_waits_for_the_leader_that_is_to_go) {
  // It stands back itself as long as another could lead: a priority above that of the others changes nothing.
  ViewBuilder b = racing("n3", "");
  b.view.answers.peers->at("n3").failover_priority = 2;
  EXPECT_TRUE(intends<intent::Acquire>(b.decide()));
  ViewBuilder other = racing("n2", "");
  other.view.answers.peers->at("n3").failover_priority = 2;
  EXPECT_FALSE(intends<intent::Acquire>(other.decide()));
}

TEST(RequestInRace, one_whose_time_has_not_come_steers_nothing) {
  ViewBuilder b = racing("n2", "n3");
  b.cluster.failover.scheduled_at = b.view.wall_now + 1h;
  EXPECT_TRUE(intends<intent::Acquire>(b.decide()));
  b.cluster.failover.scheduled_at.reset();
  b.cluster.failover.invalid_schedule = "tomorrow";
  EXPECT_TRUE(intends<intent::Acquire>(b.decide()));
}

TEST(RequestInRace, a_backoff_does_not_hold_the_candidate_up) {
  ViewBuilder b = racing("n2", "n1");
  b.settings.dynamic.primary_race_backoff = 60s;
  b.view.memory.race.previous_position = kHere;
  EXPECT_TRUE(intends<intent::Acquire>(b.decide()));
}

TEST(RequestInPause, only_the_candidate_leads) {
  const auto paused = [](const std::string& leader, const std::string& candidate) {
    ViewBuilder b = racing(leader, candidate);
    b.settings.dynamic.pause = true;
    return b;
  };
  EXPECT_TRUE(intends<intent::Acquire>(paused("n2", "n1").decide()));
  EXPECT_TRUE(intends<intent::Acquire>(paused("", "n1").decide()));
  EXPECT_FALSE(intends<intent::Acquire>(paused("n2", "n3").peer_unreachable("n3").decide()));
  EXPECT_FALSE(intends<intent::Acquire>(paused("n2", "").decide()));
  ViewBuilder later = paused("n2", "n1");
  later.cluster.failover.scheduled_at = later.view.wall_now + 1h;
  EXPECT_FALSE(intends<intent::Acquire>(later.decide()));
}

TEST(RequestInPause, a_primary_removes_one_whose_candidate_does_not_run) {
  ViewBuilder b = ViewBuilder().as_leader().unlocked().no_lease().linearizable();
  b.settings.dynamic.pause = true;
  asks(b, "", "n9");
  const Decision d = b.decide();
  EXPECT_TRUE(says(d, "manual failover: removing failover key because failover candidate is not running"));
  EXPECT_TRUE(has_duty<duty::Failover>(d));
  EXPECT_TRUE(intends<intent::Acquire>(d)) << "undecided: the other rules of pause apply";
}

// The winner.

ViewBuilder won(const std::string& leader, const std::string& candidate) {
  ViewBuilder b = racing(leader, candidate);
  b.view.memory = b.decide().memory;
  b.view.memory.results_seen = 0;
  EXPECT_TRUE(b.view.memory.race.acquiring);
  return b.lock_mine();
}

TEST(RequestWon, is_over_and_the_winner_is_promoted) {
  const Decision d = won("n2", "n1").decide();
  EXPECT_TRUE(intends<intent::Promote>(d));
  EXPECT_TRUE(says(d, "Cleaning up failover key after acquiring leader lock..."));
  ASSERT_EQ(duties<duty::Failover>(d).size(), 1u);
  EXPECT_EQ(duties<duty::Failover>(d)[0].candidate, "");
}

TEST(RequestWon, a_newer_request_is_another_matter) {
  ViewBuilder b = won("n2", "n1");
  b.cluster.failover.version = dcs::Version("99");
  EXPECT_FALSE(has_duty<duty::Failover>(b.decide()));
}

TEST(RequestWon, in_pause_what_is_left_of_it_is_the_candidate) {
  ViewBuilder b = racing("n2", "n1");
  b.settings.dynamic.pause = true;
  b.view.memory = b.decide().memory;
  b.lock_mine();
  const Decision d = b.decide();
  EXPECT_TRUE(intends<intent::Promote>(d));
  EXPECT_TRUE(says(d, "Updating failover key after acquiring leader lock..."));
  ASSERT_EQ(duties<duty::Failover>(d).size(), 1u);
  EXPECT_EQ(duties<duty::Failover>(d)[0].candidate, "n1");
}

TEST(RequestWon, in_pause_nobody_else_is_promoted) {
  ViewBuilder b = ViewBuilder().as_replica().lock_mine().linearizable();
  b.settings.dynamic.pause = true;
  EXPECT_TRUE(intends<intent::Release>(b.decide()));
}

TEST(RequestWon, in_pause_what_was_stopped_for_it_goes_on_as_a_standby) {
  ViewBuilder b = ViewBuilder().as_replica().leader("n2").down("shut down");
  b.settings.dynamic.pause = true;
  b.view.postgres.state = postgres::State::stopped;
  b.view.postgres.role = postgres::Role::demoted;
  b.divergence(postgres::Divergence::none);
  EXPECT_FALSE(intends<intent::Start>(b.decide())) << "an administrator has stopped it";
  b.ended(OperationKind::demote, true);
  b.view.last_operation->serial = b.view.memory.results_seen + 1;
  const Decision d = b.decide();
  EXPECT_TRUE(intends<intent::Start>(d));
  // Once it is up, a stop is the administrator's again.
  ViewBuilder up = ViewBuilder().as_replica().leader("n2");
  up.settings.dynamic.pause = true;
  up.view.memory = d.memory;
  EXPECT_FALSE(up.decide().memory.outage.start_is_due);
}

// The candidate, beforehand.

TEST(Candidate, writes_out_what_its_promotion_would_have_to_once) {
  ViewBuilder b = ViewBuilder().as_replica();
  asks(b, "n2", "n1");
  const Decision d = b.decide();
  EXPECT_EQ(duties<duty::PrepareToLead>(d).size(), 1u);
  b.view.memory = d.memory;
  EXPECT_FALSE(has_duty<duty::PrepareToLead>(b.decide()));
}

TEST(Candidate, prepares_for_nothing_else) {
  const auto prepares = [](const std::string& leader, const std::string& candidate,
                           std::optional<Duration> in = std::nullopt) {
    ViewBuilder b = ViewBuilder().as_replica();
    return has_duty<duty::PrepareToLead>(asks(b, leader, candidate, in).decide());
  };
  EXPECT_TRUE(prepares("", "n1"));
  EXPECT_FALSE(prepares("n2", "n3"));
  EXPECT_FALSE(prepares("n2", ""));
  EXPECT_FALSE(prepares("n9", "n1"));
  EXPECT_FALSE(prepares("n2", "n1", 1h));
  EXPECT_TRUE(prepares("n2", "n1", 0s));
}

}  // namespace
}  // namespace tanist::ha
