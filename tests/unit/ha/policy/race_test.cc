#include <gtest/gtest.h>

#include "ha/policy/race.h"
#include "unit/ha/view_builder.h"

namespace tanist::ha {
namespace {

using namespace testing;

/// All peers answered, none of them ahead.
ViewBuilder ready() {
  ViewBuilder b;
  b.as_candidate().peer_unreachable("n2").peer("n3", kHere);
  return b;
}

TEST(Race, the_first_round_asks_for_a_fresh_view_and_for_the_peers_at_once) {
  const Decision d = ViewBuilder().as_candidate().linearizable(false).decide();
  EXPECT_TRUE(d.needs.linearizable_view);
  ASSERT_TRUE(d.needs.peers);
  EXPECT_EQ(*d.needs.peers, (std::set<std::string>{"n2", "n3"}));
  EXPECT_TRUE(intends<intent::None>(d));
}

TEST(Race, a_member_whose_key_is_gone_is_asked_but_waited_for_only_briefly) {
  const Decision d = ViewBuilder().as_candidate().without_member("n2").decide();
  ASSERT_TRUE(d.needs.peers);
  EXPECT_TRUE(d.needs.peers->contains("n2"));
  EXPECT_EQ(d.needs.peers_gone, std::set<std::string>{"n2"});
}

TEST(Race, the_healthiest_takes_the_lock) {
  const Decision d = ready().decide();
  ASSERT_TRUE(intends<intent::Acquire>(d));
  EXPECT_TRUE(d.memory.race.acquiring);
  EXPECT_EQ(d.reason.text(), "");
}

TEST(Race, the_lock_is_taken_on_the_versions_that_were_seen) {
  ViewBuilder b = ready();
  b.cluster.sync.version = dcs::Version("11");
  b.cluster.failsafe_version = dcs::Version("12");
  b.cluster.failover.version = dcs::Version("13");
  b.cluster.leadership_version = dcs::Version("14");
  b.cluster.status_version = dcs::Version("15");
  const Decision d = b.decide();
  const auto& conditions = std::get<intent::Acquire>(d.intent).conditions;
  EXPECT_EQ(conditions.sync, dcs::Version("11"));
  EXPECT_EQ(conditions.failsafe, dcs::Version("12"));
  EXPECT_EQ(conditions.failover, dcs::Version("13"));
  EXPECT_EQ(conditions.config, dcs::Version("3"));
  EXPECT_EQ(conditions.initialize, dcs::Version("2"));
  EXPECT_EQ(conditions.leadership, dcs::Version("14"));
  EXPECT_EQ(conditions.status, dcs::Version("15"));
}

TEST(Race, what_it_is_taken_from_is_told_with_it) {
  ViewBuilder b = ready();
  auto& probe = *b.view.postgres.facts.probe;
  probe.effective_timeline = {1};
  probe.receive = b.cluster.status.optime;
  probe.replay = Lsn{probe.receive.value - 8};
  const auto from = std::get<intent::Acquire>(b.decide().intent).from;
  EXPECT_EQ(from.timeline, Timeline{1});
  EXPECT_EQ(from.position, probe.receive);
  EXPECT_EQ(from.replayed, probe.replay);
  EXPECT_EQ(from.optime, b.cluster.status.optime);
}

/// A daemon that was frozen between question and answer hears what was so before another led.
TEST(Race, answers_from_before_another_leadership_are_asked_for_again) {
  ViewBuilder b = ready();
  b.cluster.leadership_version = dcs::Version("14");
  b.cluster.status_version = dcs::Version("15");
  ASSERT_TRUE(intends<intent::Acquire>(b.decide()));
  for (const LeadershipSeen& before :
       {LeadershipSeen{.leadership = dcs::Version("13"), .status = dcs::Version("15")},
        LeadershipSeen{.leadership = dcs::Version("14"), .status = dcs::Version("12")},
        LeadershipSeen{.leadership = dcs::Version("14"), .status = {}}}) {
    b.asked_under = before;
    const Decision d = b.decide();
    EXPECT_FALSE(intends<intent::Acquire>(d));
    EXPECT_TRUE(d.needs.peers);
  }
}

TEST(Race, nothing_is_taken_on_a_watched_copy) {
  const Decision d = ready().linearizable(false).decide();
  EXPECT_FALSE(intends<intent::Acquire>(d));
  EXPECT_TRUE(d.needs.linearizable_view);
}

TEST(Race, nothing_is_taken_while_the_outcome_of_an_earlier_try_is_unknown) {
  ViewBuilder b = ready();
  b.view.store.lock_unknown = true;
  const Decision d = b.decide();
  EXPECT_FALSE(intends<intent::Acquire>(d));
  EXPECT_TRUE(d.needs.linearizable_view);
}

TEST(Race, a_replica_behind_the_limit_does_not_race) {
  ViewBuilder b = ready();
  b.cluster.status.optime = Lsn{kHere.value + 1048577};
  const Decision d = b.decide();
  EXPECT_TRUE(intends<intent::None>(d));
  EXPECT_TRUE(says(d, "My wal position exceeds maximum replication lag"));
  EXPECT_EQ(d.reason.text(), "following a different leader because i am not the healthiest node");
  EXPECT_EQ(d.reason.numbers.find("lag_bytes")->as_int(), 1048577);
}

TEST(Race, a_replica_exactly_at_the_limit_races) {
  ViewBuilder b = ready();
  b.cluster.status.optime = Lsn{kHere.value + 1048576};
  EXPECT_TRUE(intends<intent::Acquire>(b.decide()));
}

TEST(Race, nobody_races_while_a_primary_answers) {
  const Decision d = ready().peer_primary("n2").decide();
  EXPECT_TRUE(intends<intent::None>(d));
  EXPECT_TRUE(says(d, "Primary (n2) is still alive"));
}

TEST(Race, nobody_races_behind_an_eligible_peer) {
  const Decision d = ready().peer("n3", Lsn{kHere.value + 8}).decide();
  EXPECT_TRUE(intends<intent::None>(d));
  EXPECT_TRUE(says(d, "Wal position of n3 is ahead of my wal position"));
}

TEST(Race, a_peer_that_is_not_reachable_is_no_obstacle) {
  EXPECT_TRUE(intends<intent::Acquire>(ready().peer_unreachable("n3").decide()));
}

TEST(Race, a_peer_that_may_not_be_promoted_by_its_own_word_is_no_obstacle) {
  ViewBuilder b = ready().peer("n3", Lsn{kHere.value + 8});
  b.view.answers.peers->at("n3").nofailover = true;
  EXPECT_TRUE(intends<intent::Acquire>(b.decide()));
}

TEST(Race, a_peer_without_a_watchdog_is_no_obstacle) {
  ViewBuilder b = ready().peer("n3", Lsn{kHere.value + 8});
  b.view.answers.peers->at("n3").watchdog_failed = true;
  EXPECT_TRUE(intends<intent::Acquire>(b.decide()));
}

TEST(Race, members_that_may_not_be_promoted_are_not_asked) {
  ViewBuilder b;
  b.as_candidate();
  b.cluster.members["n3"].tags = Document::map({{"nofailover", true}});
  EXPECT_EQ(policy::rivals(b.build()).count("n3"), 0U);
}

TEST(Race, the_members_of_the_last_view_with_a_leader_are_asked_too) {
  ViewBuilder b;
  b.as_candidate();
  b.cluster.members.erase("n2");
  EXPECT_EQ(policy::rivals(b.build()).count("n2"), 1U);
}

TEST(Race, the_list_of_rivals_never_names_me) {
  EXPECT_EQ(policy::rivals(ViewBuilder().as_candidate().build()).count("n1"), 0U);
}

TEST(Race, equal_positions_are_decided_by_priority) {
  ViewBuilder b = ready();
  b.view.answers.peers->at("n3").failover_priority = 2;
  const Decision d = b.decide();
  EXPECT_TRUE(intends<intent::None>(d));
  EXPECT_TRUE(
      says(d, "n3 has equally tolerable WAL position and priority 2, while this node has priority 1"));
}

TEST(Race, a_higher_priority_does_not_help_a_peer_that_is_behind) {
  ViewBuilder b = ready().peer("n3", Lsn{kHere.value - 8});
  b.view.answers.peers->at("n3").failover_priority = 2;
  EXPECT_TRUE(intends<intent::Acquire>(b.decide()));
}

TEST(Race, the_former_leaders_priority_is_waived) {
  ViewBuilder b = ready().peer("n2", kHere);
  b.view.answers.peers->at("n2").failover_priority = 5;
  const Decision d = b.decide();
  EXPECT_TRUE(intends<intent::Acquire>(d));
  EXPECT_TRUE(says(d, "Ignoring former leader n2 having priority 5 higher than this nodes 1 priority"));
}

/// n2 has led in zone a; n1 (me) is in b, n3 where it led.
ViewBuilder ready_in_zones() {
  ViewBuilder b = ready();
  b.settings.dynamic.zones.prefer_same = true;
  b.settings.tags.zone = "b";
  b.cluster.leadership_name = "n2";
  b.last.members["n2"].tags.set("zone", "a");
  b.cluster.members.erase("n2");
  b.view.answers.peers->at("n3").zone = "a";
  return b;
}

TEST(Race, of_equals_the_one_in_the_zone_of_the_last_leader_leads) {
  ViewBuilder b = ready_in_zones();
  const Decision d = b.decide();
  EXPECT_TRUE(intends<intent::None>(d));
  EXPECT_TRUE(says(
      d, "n3 has equally tolerable WAL position and priority, and is in the zone a, which comes before b"));
  b.settings.tags.zone = "a";
  EXPECT_TRUE(intends<intent::Acquire>(b.decide())) << "both are";
  b.settings.tags.zone = "b";
  b.cluster.leadership_name.clear();
  EXPECT_TRUE(intends<intent::Acquire>(b.decide())) << "where that was is not known";
}

TEST(Race, a_list_of_zones_is_in_the_order_of_preference) {
  ViewBuilder b = ready_in_zones();
  b.settings.dynamic.zones = {.prefer_same = false, .prefer = {"c", "b"}};
  EXPECT_TRUE(intends<intent::Acquire>(b.decide())) << "a is not in it";
  b.view.answers.peers->at("n3").zone = "c";
  EXPECT_TRUE(intends<intent::None>(b.decide()));
}

TEST(Race, a_preferred_zone_does_not_help_who_is_behind_or_of_lower_priority) {
  ViewBuilder behind = ready_in_zones();
  behind.view.answers.peers->at("n3").position = Lsn{kHere.value - 8};
  EXPECT_TRUE(intends<intent::Acquire>(behind.decide()));
  ViewBuilder lower = ready_in_zones();
  lower.settings.tags.failover_priority = 2;
  EXPECT_TRUE(intends<intent::Acquire>(lower.decide()));
}

TEST(Race, nobody_waits_for_a_preferred_zone_that_does_not_answer_or_has_lost_the_store) {
  EXPECT_TRUE(intends<intent::Acquire>(ready_in_zones().peer_unreachable("n3").decide()));
  ViewBuilder lost = ready_in_zones();
  lost.cluster.members.erase("n3");
  EXPECT_TRUE(intends<intent::Acquire>(lost.decide()));
  ViewBuilder limited = ready_in_zones();
  limited.view.answers.peers->at("n3").watchdog_failed = true;
  EXPECT_TRUE(intends<intent::Acquire>(limited.decide()));
}

TEST(Race, a_preferred_zone_is_not_waited_for_any_longer_than_it_takes_to_win) {
  ViewBuilder b = ready_in_zones();
  b.view.memory = b.decide().memory;
  EXPECT_EQ(b.view.memory.race.left_to_zone_since, b.view.now);
  b.view.now += 2s;
  EXPECT_TRUE(intends<intent::None>(b.decide()));
  b.view.now += 2s;
  EXPECT_TRUE(intends<intent::Acquire>(b.decide()));
  b.leader("n3");
  EXPECT_FALSE(b.decide().memory.race.left_to_zone_since) << "the next race begins anew";
}

TEST(Race, the_last_leader_itself_is_not_preferred_for_its_zone) {
  ViewBuilder b = ready_in_zones();
  b.cluster.leadership_name = "n3";
  b.last.members["n3"].tags.set("zone", "a");
  EXPECT_TRUE(intends<intent::Acquire>(b.decide()));
}

TEST(Race, who_is_asked_for_by_name_gives_way_to_no_zone) {
  ViewBuilder b = ready_in_zones();
  b.cluster.failover = {.version = dcs::Version("7"), .leader = "n2", .candidate = "n1"};
  EXPECT_TRUE(intends<intent::Acquire>(b.decide()));
}

TEST(Race, nofailover_stands_back_and_looks_whether_it_fits_the_next_leader) {
  ViewBuilder b = ready();
  b.settings.tags.nofailover = true;
  const Decision d = b.decide();
  EXPECT_EQ(d.reason.text(), "following a different leader because I am not allowed to promote");
  EXPECT_EQ(d.memory.rejoin.rewind, RewindState::check);
}

TEST(Race, a_server_that_starts_does_not_race) {
  EXPECT_TRUE(intends<intent::None>(ready().starting().decide()));
}

TEST(Race, without_an_own_position_nobody_races) {
  ViewBuilder b = ready();
  b.view.postgres.facts.failing_since = b.view.now - 2s;
  EXPECT_TRUE(intends<intent::None>(b.decide()));
}

TEST(Race, an_unusable_watchdog_keeps_out_of_the_race) {
  ViewBuilder b = ready();
  b.view.fence.usable = false;
  const Decision d = b.decide();
  EXPECT_TRUE(intends<intent::None>(d));
  EXPECT_TRUE(says(d, "Watchdog device is not usable"));
}

TEST(Race, check_timeline_keeps_a_stale_timeline_out) {
  ViewBuilder b = ready();
  b.settings.dynamic.check_timeline = true;
  b.cluster.history.lines = {{.parent = {1}, .switch_lsn = kHere}};
  const Decision d = b.decide();
  EXPECT_TRUE(intends<intent::None>(d));
  EXPECT_TRUE(says(d, "My timeline 1 is behind last known cluster timeline 2"));
}

TEST(Race, check_timeline_needs_to_know_the_timeline) {
  ViewBuilder b = ready();
  b.settings.dynamic.check_timeline = true;
  b.view.postgres.facts.probe->effective_timeline = {};
  EXPECT_TRUE(says(b.decide(), "Can not figure out my timeline"));
}

TEST(Race, after_a_failed_pre_promote_the_member_stays_out_for_a_while) {
  ViewBuilder b = ready();
  b.view.memory.race.not_before = b.view.now + 5s;
  const Decision d = b.decide();
  EXPECT_TRUE(intends<intent::None>(d));
  EXPECT_TRUE(says(
      d, "backoff: skip leader race after pre_promote script failure and releasing the lock voluntarily"));
  b.view.memory.race.not_before = b.view.now;
  EXPECT_TRUE(intends<intent::Acquire>(b.decide()));
}

TEST(Race, a_running_primary_takes_a_free_lock_without_asking_anybody) {
  ViewBuilder b;
  b.as_leader().unlocked().no_lease().linearizable();
  EXPECT_TRUE(intends<intent::Acquire>(b.decide()));
}

TEST(Race, a_primary_that_was_promoted_by_hand_is_a_candidate_as_any_other_where_another_has_promised) {
  ViewBuilder b;
  b.as_leader().unlocked().no_lease().linearizable();
  b.settings.dynamic.synchronous_mode = config::Dynamic::SyncMode::on;
  b.cluster.sync = {.version = dcs::Version("5"), .leader = "n1", .voters = {}, .quorum = 0};
  EXPECT_TRUE(intends<intent::Acquire>(b.decide())) << "it has promised it itself";
  b.cluster.sync.leader = "n3";
  const Decision d = b.decide();
  ASSERT_TRUE(intends<intent::Demote>(d));
  EXPECT_EQ(std::get<intent::Demote>(d.intent).mode, DemoteMode::immediate_nolock);
  b.settings.dynamic.pause = true;
  EXPECT_TRUE(intends<intent::Acquire>(b.decide())) << "an administrator does as he likes";
}

TEST(Race, a_stale_primary_never_takes_the_lock_again) {
  ViewBuilder b;
  b.as_leader().unlocked().no_lease().linearizable();
  b.cluster.history.lines = {{.parent = {1}, .switch_lsn = kHere}};
  const Decision d = b.decide();
  ASSERT_TRUE(intends<intent::Demote>(d));
  EXPECT_EQ(std::get<intent::Demote>(d.intent).mode, DemoteMode::immediate_nolock);
  EXPECT_EQ(d.reason.text(), "demoting self because i am not the healthiest node");
  b.settings.dynamic.pause = true;
  const Decision paused = b.decide();
  EXPECT_TRUE(intends<intent::None>(paused)) << "others would be rewound to it";
  EXPECT_EQ(paused.reason.code, Code::continue_without_lock);
}

TEST(Race, members_in_sync_race_alone) {
  ViewBuilder b = ready();
  b.settings.dynamic.synchronous_mode = config::Dynamic::SyncMode::on;
  b.cluster.sync = {.version = dcs::Version("9"), .leader = "n2", .voters = {"n3"}};
  EXPECT_TRUE(intends<intent::None>(b.decide()));
  b.cluster.sync.voters = {"N1"};
  EXPECT_TRUE(intends<intent::Acquire>(b.decide()));
}

TEST(Race, the_former_sync_leader_may_be_ahead) {
  ViewBuilder b = ready().peer("n2", Lsn{kHere.value + 8});
  b.settings.dynamic.synchronous_mode = config::Dynamic::SyncMode::on;
  b.cluster.sync = {.version = dcs::Version("9"), .leader = "n2", .voters = {"n1"}};
  const Decision d = b.decide();
  EXPECT_TRUE(intends<intent::Acquire>(d));
  EXPECT_TRUE(says(d, "Ignoring the former leader being ahead of us"));
}

TEST(Race, a_quorum_needs_its_votes) {
  ViewBuilder b = ready();
  b.settings.dynamic.synchronous_mode = config::Dynamic::SyncMode::on;
  b.cluster.sync = {.version = dcs::Version("9"), .leader = "n2", .voters = {"n1", "n3"}, .quorum = 1};
  EXPECT_TRUE(intends<intent::Acquire>(b.decide()));
  b.peer_unreachable("n3");
  EXPECT_TRUE(intends<intent::None>(b.decide()));
}

TEST(Race, a_backoff_waits_while_wal_still_comes_in) {
  ViewBuilder b = ready();
  b.settings.dynamic.primary_race_backoff = 20s;
  b.view.memory.race.previous_position = Lsn{kHere.value - 100};
  const Decision d = b.decide();
  EXPECT_EQ(d.reason.text(),
            "My (n1) wal position moved since last heart beat loop, 20 seconds until leader race");
  EXPECT_EQ(d.memory.race.backoff_since, b.view.now);
}

TEST(Race, a_backoff_ends_when_no_more_wal_comes) {
  ViewBuilder b = ready();
  b.settings.dynamic.primary_race_backoff = 20s;
  b.view.memory.race.previous_position = kHere;
  b.view.memory.race.backoff_since = b.view.now - 11s;
  EXPECT_TRUE(intends<intent::Acquire>(b.decide()));
}

TEST(Race, a_backoff_is_over_when_its_time_is_whatever_still_comes_in) {
  ViewBuilder b = ready();
  b.settings.dynamic.primary_race_backoff = 20s;
  b.view.memory.race.previous_position = Lsn{kHere.value - 100};
  b.view.memory.race.backoff_since = b.view.now - 20s;
  EXPECT_TRUE(intends<intent::Acquire>(b.decide()));
}

TEST(Race, a_primary_whose_key_has_vanished_does_not_back_off) {
  ViewBuilder b;
  b.as_leader().unlocked().no_lease().linearizable();
  b.settings.dynamic.primary_race_backoff = 20s;
  b.view.memory.race.previous_position = Lsn{kHere.value - 100};
  EXPECT_TRUE(intends<intent::Acquire>(b.decide()));
}

TEST(Race, a_primary_whose_key_has_vanished_waits_for_nobody_who_starts) {
  ViewBuilder b;
  b.as_leader().unlocked().no_lease().linearizable().peer_unreachable("n2").peer_unreachable("n3");
  b.view.answers.peers->at("n2").starting = true;
  b.cluster.status.optime = Lsn{kHere.value + 304};
  EXPECT_TRUE(intends<intent::Acquire>(b.decide()));
}

TEST(Race, who_stood_back_looks_again_within_a_second) {
  const Decision d = ready().peer("n3", Lsn{kHere.value + 8}).decide();
  ASSERT_TRUE(d.wake_at);
  EXPECT_EQ(*d.wake_at, ready().view.now + 1s);
}

TEST(Race, the_upstream_is_left_alone_while_nobody_leads) {
  ViewBuilder b = ready().peer("n3", Lsn{kHere.value + 8});
  b.view.postgres.recovery_difference = postgres::RecoveryDifference::reload;
  EXPECT_TRUE(intends<intent::None>(b.decide()));
}

TEST(FailoverPossible, needs_a_candidate_that_answers) {
  ViewBuilder b;
  b.as_leader().peer_unreachable("n2").peer_unreachable("n3");
  const View view = b.build();
  policy::Draft d(view);
  EXPECT_EQ(policy::failover_possible(d), false);
}

TEST(FailoverPossible, asks_first) {
  const View view = ViewBuilder().as_leader().build();
  policy::Draft d(view);
  EXPECT_EQ(policy::failover_possible(d), std::nullopt);
  EXPECT_EQ(*d.decision.needs.peers, (std::set<std::string>{"n2", "n3"}));
}

TEST(FailoverPossible, a_candidate_must_have_what_is_asked_for) {
  const View view = ViewBuilder().as_leader().peer("n2", Lsn{100}).peer_unreachable("n3").build();
  policy::Draft d(view);
  EXPECT_EQ(policy::failover_possible(d, {.at_least = Lsn{101}}), false);
  EXPECT_EQ(policy::failover_possible(d, {.at_least = Lsn{100}}), true);
  EXPECT_EQ(policy::failover_possible(d, {.at_least = Lsn{100}, .or_equal = false}), false);
}

TEST(FailoverPossible, only_voters_count_in_sync_mode) {
  ViewBuilder b;
  b.as_leader().peer("n2", kHere).peer("n3", kHere);
  b.settings.dynamic.synchronous_mode = config::Dynamic::SyncMode::on;
  b.cluster.sync = {.version = dcs::Version("9"), .leader = "n1", .voters = {"n9"}};
  const View view = b.build();
  policy::Draft d(view);
  EXPECT_EQ(policy::failover_possible(d), false);
}

TEST(FailoverPossible, a_lone_member_has_nobody) {
  ViewBuilder b;
  b.as_leader().without_member("n2").without_member("n3");
  const View view = b.build();
  policy::Draft d(view);
  EXPECT_EQ(policy::failover_possible(d), false);
  EXPECT_TRUE(says(d.decision, "failover: candidates list is empty"));
}

TEST(FailoverPossible, a_candidate_on_an_old_timeline_does_not_count_where_timelines_are_checked) {
  ViewBuilder b;
  b.as_leader().peer("n2", kHere, {1}).peer_unreachable("n3");
  b.settings.dynamic.check_timeline = true;
  b.cluster.history.lines = {{.parent = {1}, .switch_lsn = kHere}};
  const View view = b.build();
  policy::Draft d(view);
  EXPECT_EQ(policy::failover_possible(d), false);
  EXPECT_TRUE(says(d.decision, "Timeline 1 of member n2 is behind the cluster timeline 2"));
}

TEST(Race, a_member_that_lacks_wal_stands_back_a_while_for_one_that_starts) {
  ViewBuilder b = ViewBuilder().as_candidate().linearizable().peer("n3", kHere).peer_unreachable("n2");
  b.cluster.status.optime = Lsn{kHere.value + 304};
  EXPECT_TRUE(intends<intent::Acquire>(b.decide())) << "n2 does not answer at all";
  b.member("n2");
  b.view.answers.peers->at("n2").starting = true;
  const Decision waits = b.decide();
  EXPECT_FALSE(intends<intent::Acquire>(waits));
  b.view.memory.race.backoff_since = b.view.now - 11s;
  EXPECT_TRUE(intends<intent::Acquire>(b.decide())) << "not for ever";
  b.view.memory.race.backoff_since.reset();
  b.cluster.status.optime = kHere;
  EXPECT_TRUE(intends<intent::Acquire>(b.decide())) << "it has all that is known of";
}

TEST(Race, a_running_primary_waits_for_no_peer_that_starts) {
  ViewBuilder b = ViewBuilder().as_leader().unlocked().linearizable().no_lease();
  b.cluster.status.optime = Lsn{kHere.value + 100};
  b.peer("n2", Lsn{}).peer_unreachable("n3");
  b.view.answers.peers->at("n2").starting = true;
  EXPECT_TRUE(intends<intent::Acquire>(b.decide())) << "it writes: nobody else may lead";
}

TEST(Race, a_backoff_ends_with_its_time_however_much_wal_comes_in) {
  ViewBuilder b = ready();
  b.settings.dynamic.primary_race_backoff = 20s;
  b.view.memory.race.previous_position = Lsn{kHere.value - 8};
  b.view.memory.race.backoff_since = b.view.now - 19s;
  EXPECT_EQ(b.decide().reason.code, Code::race_backoff);
  b.view.memory.race.backoff_since = b.view.now - 20s;
  EXPECT_TRUE(intends<intent::Acquire>(b.decide()));
}

TEST(Race, nothing_is_decided_on_a_view_that_a_write_of_the_leader_key_may_have_changed) {
  ViewBuilder b = ViewBuilder().as_replica();
  b.view.store.lock_unknown = true;
  const Decision d = b.decide();
  EXPECT_EQ(d.reason.code, Code::race_asking);
  EXPECT_TRUE(d.needs.linearizable_view);
  EXPECT_TRUE(intends<intent::None>(d));
}

TEST(Race, check_timeline_lets_the_last_known_timeline_race) {
  ViewBuilder b = ready();
  b.settings.dynamic.check_timeline = true;
  ASSERT_EQ(b.cluster.history.cluster_timeline(), Timeline{1});
  EXPECT_TRUE(intends<intent::Acquire>(b.decide()));
}

TEST(Race, a_primary_that_is_not_up_yet_takes_nothing) {
  ViewBuilder b = ViewBuilder().as_leader().unlocked().linearizable().no_lease().starting();
  b.cluster.history = {};  // nothing else says that it is behind
  EXPECT_FALSE(intends<intent::Acquire>(b.decide()));
}

TEST(Race, in_pause_a_primary_of_another_cluster_takes_nothing) {
  ViewBuilder b = ViewBuilder().as_leader().unlocked().linearizable().no_lease();
  b.settings.dynamic.pause = true;
  EXPECT_TRUE(intends<intent::Acquire>(b.decide()));
  b.cluster.initialize.value = "7000000000000000009";
  EXPECT_FALSE(intends<intent::Acquire>(b.decide()));
}

TEST(Race, a_quorum_counts_also_who_may_not_lead) {
  ViewBuilder b = ViewBuilder().as_candidate();
  b.settings.dynamic.synchronous_mode = config::Dynamic::SyncMode::on;
  b.cluster.sync = {.version = dcs::Version("9"), .leader = "n2", .voters = {"n1", "n3"}, .quorum = 1};
  b.cluster.members["n3"].tags = Document::map({{"nofailover", true}});
  EXPECT_EQ(policy::rivals(b.build()).count("n3"), 1U);
  b.cluster.sync.quorum = 0;
  EXPECT_EQ(policy::rivals(b.build()).count("n3"), 0U);
}

TEST(Race, nobody_waits_for_a_starting_peer_that_may_not_lead) {
  ViewBuilder b = ViewBuilder().as_candidate().linearizable().peer("n3", kHere).peer("n2", Lsn{});
  b.cluster.status.optime = Lsn{kHere.value + 304};
  b.view.answers.peers->at("n2").starting = true;
  ASSERT_FALSE(intends<intent::Acquire>(b.decide()));
  b.cluster.members["n2"].tags = Document::map({{"nofailover", true}});
  EXPECT_TRUE(intends<intent::Acquire>(b.decide()));
}

TEST(Race, the_fence_stays_armed_for_who_takes_the_lock) {
  ViewBuilder b = ready();
  b.view.fence.armed = b.view.fence.holds = true;
  const Decision d = b.decide();
  ASSERT_TRUE(intends<intent::Acquire>(d));
  EXPECT_FALSE(has_duty<duty::Fence>(d));
}

TEST(FailoverPossible, needs_one_more_than_the_quorum) {
  ViewBuilder b;
  b.as_leader().peer("n2", kHere).peer_unreachable("n3");
  b.settings.dynamic.synchronous_mode = config::Dynamic::SyncMode::on;
  b.cluster.sync = {.version = dcs::Version("9"), .leader = "n1", .voters = {"n2", "n3"}, .quorum = 1};
  const View one = b.build();
  policy::Draft first(one);
  EXPECT_EQ(policy::failover_possible(first), false);
  const View two = b.peer("n3", kHere).build();
  policy::Draft second(two);
  EXPECT_EQ(policy::failover_possible(second), true);
}

}  // namespace
}  // namespace tanist::ha
