#include "ha/policy/standby_cluster.h"

#include <gtest/gtest.h>

#include "unit/ha/view_builder.h"

namespace tanist::ha {
namespace {

using namespace testing;
using postgres::Role;

void follow_remote(ViewBuilder& b, const std::string& host = "10.9.0.1") {
  b.settings.dynamic.standby_cluster = true;
  b.settings.dynamic.remote.host = host;
}

/// I hold the lock of a standby cluster and stream from outside.
ViewBuilder standby_leader() {
  ViewBuilder b = ViewBuilder().as_replica().lock_mine();
  b.leader("n1");
  b.lease_for(29s);
  b.view.postgres.role = Role::standby_leader;
  follow_remote(b);
  return b;
}

/// n2 is the standby leader, I stream from it.
ViewBuilder standby_replica() {
  ViewBuilder b = ViewBuilder().as_replica();
  follow_remote(b);
  b.cluster.members["n2"].role = "standby_leader";
  return b;
}

ViewBuilder leaderless() {
  ViewBuilder b = ViewBuilder().as_candidate();
  follow_remote(b);
  return b;
}

bool tells_role(const Decision& d, Role role) {
  for (const auto& callback : duties<duty::Callback>(d))
    if (callback.action == "on_role_change" && callback.role == role) return true;
  return false;
}

TEST(StandbyLeader, follows_the_other_cluster_without_a_slot) {
  const auto upstream = wanted_upstream(standby_leader().build());
  ASSERT_TRUE(upstream);
  EXPECT_TRUE(upstream->remote);
  EXPECT_EQ(upstream->host, "10.9.0.1");
  EXPECT_EQ(upstream->port, 5432);
  EXPECT_EQ(upstream->slot, "");
}

TEST(StandbyLeader, streams_through_the_slot_that_is_configured) {
  ViewBuilder b = standby_leader();
  b.settings.dynamic.remote.primary_slot_name = "DR-site";
  EXPECT_EQ(wanted_upstream(b.build())->slot, "dr_site");
  b.settings.postgresql.use_slots = false;
  EXPECT_EQ(wanted_upstream(b.build())->slot, "");
}

TEST(StandbyLeader, with_an_archive_alone_follows_no_host) {
  ViewBuilder b = standby_leader();
  b.settings.dynamic.remote.host.clear();
  const auto upstream = wanted_upstream(b.build());
  ASSERT_TRUE(upstream);
  EXPECT_TRUE(upstream->remote);
  EXPECT_EQ(upstream->host, "");
}

TEST(StandbyLeader, goes_on) {
  const Decision d = standby_leader().decide();
  EXPECT_EQ(d.reason.text(), "no action. I am (n1), the standby leader with the lock");
  EXPECT_TRUE(intends<intent::None>(d));
  EXPECT_EQ(d.mandate.kind, Mandate::Kind::keep);
  ASSERT_TRUE(has_duty<duty::Status>(d));
  EXPECT_EQ(duties<duty::Status>(d).front().status.optime, kHere);
  EXPECT_FALSE(has_duty<duty::History>(d));
  EXPECT_FALSE(has_duty<duty::SetRole>(d));
}

TEST(StandbyLeader, is_what_a_replica_becomes_that_took_the_lock) {
  ViewBuilder b = standby_leader();
  b.view.postgres.role = Role::replica;
  b.view.memory.race.acquiring = true;
  b.view.postgres.recovery_difference = postgres::RecoveryDifference::reload;
  const Decision d = b.decide();
  EXPECT_EQ(d.reason.text(), "promoted self to a standby leader by acquiring session lock");
  ASSERT_TRUE(intends<intent::Follow>(d));
  EXPECT_TRUE(std::get<intent::Follow>(d.intent).upstream->remote);
  EXPECT_EQ(duties<duty::SetRole>(d).front().role, Role::standby_leader);
  EXPECT_TRUE(tells_role(d, Role::standby_leader));
  b.view.memory.race.acquiring = false;
  EXPECT_EQ(b.decide().reason.text(), "promoted self to a standby leader because i had the session lock");
}

TEST(StandbyLeader, restarts_where_another_upstream_needs_that) {
  ViewBuilder b = standby_leader();
  b.view.postgres.recovery_difference = postgres::RecoveryDifference::restart;
  const Decision d = b.decide();
  ASSERT_TRUE(intends<intent::Follow>(d));
  EXPECT_TRUE(std::get<intent::Follow>(d.intent).restart);
  EXPECT_TRUE(std::get<intent::Follow>(d.intent).as_standby_leader);
}

TEST(StandbyLeader, that_lost_the_lock_is_a_replica_of_the_next) {
  ViewBuilder b = standby_replica();
  b.view.postgres.role = Role::standby_leader;
  const Decision d = b.decide();
  EXPECT_EQ(duties<duty::SetRole>(d).front().role, Role::replica);
  EXPECT_TRUE(tells_role(d, Role::replica));
  EXPECT_EQ(wanted_upstream(b.build())->member, "n2");
}

TEST(StandbyLeader, without_a_lease_stops_nothing) {
  ViewBuilder b = standby_leader().no_lease();
  EXPECT_TRUE(intends<intent::None>(b.decide()));
  EXPECT_TRUE(intends<intent::None>(b.store_down().decide()));
}

TEST(StandbyLeader, keeps_the_lock_in_pause) {
  ViewBuilder b = standby_leader();
  b.settings.dynamic.pause = true;
  const Decision d = b.decide();
  EXPECT_TRUE(intends<intent::None>(d));
  EXPECT_EQ(d.mandate.kind, Mandate::Kind::keep);
}

TEST(StandbyLeader, that_is_down_is_started_as_one) {
  const Decision d =
      standby_leader().down("shut down in recovery").divergence(postgres::Divergence::none).decide();
  ASSERT_TRUE(intends<intent::Start>(d));
  const auto& start = std::get<intent::Start>(d.intent);
  EXPECT_TRUE(start.as_standby && start.as_standby_leader);
  EXPECT_TRUE(start.upstream && start.upstream->remote);
  EXPECT_EQ(d.reason.text(), "starting as a standby leader because i had the session lock");
}

TEST(StandbyLeader, deletes_what_says_that_somebody_is_synchronous) {
  ViewBuilder b = standby_leader();
  b.cluster.sync.version = dcs::Version("7");
  b.cluster.sync.leader = "n1";
  EXPECT_TRUE(has_duty<duty::DeleteSync>(b.decide()));
}

TEST(StandbyLeader, keeps_slots_for_all_who_stream_from_it) {
  ViewBuilder b = standby_leader();
  b.view.postgres.facts.probe->slots.clear();
  const Decision d = b.decide();
  ASSERT_TRUE(has_duty<duty::Slots>(d));
  const auto wanted = duties<duty::Slots>(d).front().wanted;
  for (const auto& slot : wanted.slots) EXPECT_TRUE(slot.expected_active) << slot.name;
}

TEST(StandbyLeader, tells_that_nothing_arrives) {
  ViewBuilder b = standby_leader();
  b.view.postgres.facts.probe->receiver_state.clear();
  b.view.memory.rejoin.not_streaming_since = b.view.now - 45s;
  b.view.memory.rejoin.compared_at = b.view.now;
  EXPECT_TRUE(says_something_like(b.decide(), "has not streamed from 10.9.0.1:5432 for 45 s"));
}

TEST(StandbyLeader, whose_wal_left_the_other_cluster_is_rewound_from_there) {
  ViewBuilder b = standby_leader().divergence(postgres::Divergence::diverged);
  b.view.memory.rejoin.rewind = RewindState::check;
  const Decision d = b.decide();
  ASSERT_TRUE(intends<intent::Rewind>(d));
  const auto& rewind = std::get<intent::Rewind>(d.intent);
  EXPECT_TRUE(rewind.source.remote && rewind.checkpoint_source);
  EXPECT_EQ(d.mandate.kind, Mandate::Kind::keep);
}

TEST(StandbyLeader, that_cannot_be_rewound_keeps_its_data) {
  ViewBuilder b = standby_leader().divergence(postgres::Divergence::diverged).linearizable();
  b.view.memory.rejoin.rewind = RewindState::check;
  b.settings.postgresql.use_pg_rewind = false;
  b.settings.postgresql.remove_data_directory_on_diverged_timelines = true;
  EXPECT_TRUE(intends<intent::None>(b.decide()));
}

TEST(StandbyLeader, hands_over_on_request_without_a_stop) {
  ViewBuilder b = standby_leader().linearizable().peer("n2", kHere).peer("n3", kHere);
  b.cluster.failover.version = dcs::Version("9");
  b.cluster.failover.leader = "n1";
  b.cluster.failover.candidate = "n2";
  const Decision d = b.decide();
  EXPECT_TRUE(intends<intent::Release>(d));
  EXPECT_EQ(d.reason.text(), "switchover: demoting myself");
}

TEST(StandbyLeader, is_promoted_once_the_cluster_follows_nobody) {
  ViewBuilder b = standby_leader().linearizable().peer("n2", kHere).peer("n3", kHere);
  b.settings.dynamic.standby_cluster = false;
  b.settings.dynamic.remote = {};
  const Decision d = b.decide();
  EXPECT_TRUE(intends<intent::Promote>(d));
  EXPECT_FALSE(tells_role(d, Role::replica)) << "it is told of the promotion";
}

TEST(StandbyCluster, stops_a_promotion_that_the_server_has_not_heard_of) {
  ViewBuilder b = standby_leader().operation(OperationKind::promote, Phase::pre_promote, Cancel::free);
  const Decision d = b.decide();
  EXPECT_TRUE(intends<intent::PreEmpt>(d));
  EXPECT_EQ(d.reason.text(), "cannot be a real primary in a standby cluster");
}

TEST(StandbyCluster, waits_for_a_promotion_that_cannot_be_taken_back) {
  ViewBuilder b = standby_leader();
  b.view.postgres.promoting = true;
  b.view.postgres.role = Role::promoted;
  EXPECT_FALSE(intends<intent::Demote>(b.decide()));
}

TEST(DemoteCluster, stops_the_primary_cleanly_and_keeps_the_lock) {
  ViewBuilder b = ViewBuilder().as_leader().linearizable();
  follow_remote(b);
  const Decision d = b.decide();
  ASSERT_TRUE(intends<intent::Demote>(d));
  EXPECT_EQ(std::get<intent::Demote>(d.intent).mode, DemoteMode::demote_cluster);
  EXPECT_EQ(std::get<intent::Demote>(d.intent).name, "demoting to a standby cluster");
  EXPECT_EQ(d.reason.text(), "cannot be a real primary in a standby cluster");
  EXPECT_EQ(d.mandate.kind, Mandate::Kind::keep);
}

TEST(DemoteCluster, is_decided_on_a_fresh_view) {
  ViewBuilder b = ViewBuilder().as_leader();
  follow_remote(b);
  const Decision d = b.decide();
  EXPECT_TRUE(intends<intent::None>(d));
  EXPECT_TRUE(d.needs.linearizable_view);
}

TEST(DemoteCluster, is_not_done_in_pause) {
  ViewBuilder b = ViewBuilder().as_leader().linearizable();
  follow_remote(b);
  b.settings.dynamic.pause = true;
  EXPECT_TRUE(intends<intent::None>(b.decide()));
}

TEST(DemoteCluster, changes_nothing_where_the_cluster_would_follow_itself) {
  for (const char* host : {"n1.example", "10.9.0.1,n3.example"}) {
    ViewBuilder b = ViewBuilder().as_leader().linearizable();
    follow_remote(b, host);
    const Decision d = b.decide();
    EXPECT_TRUE(intends<intent::None>(d)) << host;
    EXPECT_TRUE(says_something_like(d, "a member of this very cluster")) << host;
    b = standby_leader().linearizable();
    follow_remote(b, host);
    b.view.postgres.recovery_difference = postgres::RecoveryDifference::reload;
    const Decision kept = b.decide();
    EXPECT_TRUE(intends<intent::None>(kept)) << host;
    EXPECT_TRUE(says_something_like(kept, "a member of this very cluster")) << host;
  }
}

TEST(DemoteCluster, of_a_primary_without_the_lock_is_no_clean_one) {
  ViewBuilder b = ViewBuilder().as_leader().leader("n2").no_lease();
  follow_remote(b);
  const Decision d = b.decide();
  ASSERT_TRUE(intends<intent::Demote>(d));
  EXPECT_EQ(std::get<intent::Demote>(d.intent).mode, DemoteMode::immediate_nolock);
  EXPECT_EQ(d.reason.text(), "cannot be a real primary in a standby cluster");
}

TEST(DemoteCluster, never_starts_a_crashed_primary_as_one) {
  ViewBuilder b = ViewBuilder().as_leader().down();
  follow_remote(b);
  b.view.memory.outage.crash_recovery_tried = true;
  b.view.memory.rejoin.rewind = RewindState::not_need;
  b.settings.postgresql.use_pg_rewind = false;
  const Decision d = b.decide();
  ASSERT_TRUE(intends<intent::Start>(d));
  EXPECT_TRUE(std::get<intent::Start>(d.intent).as_standby_leader);
}

TEST(StandbyReplica, follows_the_standby_leader) {
  const Decision d = standby_replica().decide();
  EXPECT_EQ(d.reason.text(), "no action. I am (n1), a secondary, and following a standby leader (n2)");
  EXPECT_FALSE(wanted_upstream(standby_replica().build())->remote);
}

TEST(StandbyReplica, without_the_leaders_address_goes_on_as_it_was) {
  ViewBuilder b = standby_replica().without_member("n2");
  EXPECT_EQ(b.decide().reason.text(), "continue following the old known standby leader");
}

TEST(StandbyReplica, whose_wal_left_the_other_cluster_is_rewound_from_there_too) {
  ViewBuilder b = standby_replica().divergence(postgres::Divergence::diverged);
  b.view.memory.rejoin.rewind = RewindState::check;
  const Decision d = b.decide();
  ASSERT_TRUE(intends<intent::Rewind>(d));
  EXPECT_TRUE(std::get<intent::Rewind>(d.intent).source.remote);
}

TEST(StandbyRace, is_won_as_any_other) {
  EXPECT_TRUE(intends<intent::Acquire>(leaderless().peer_unreachable("n2").peer("n3", kHere).decide()));
}

TEST(StandbyRace, knows_no_backoff_and_no_timeline_of_its_own) {
  ViewBuilder b = leaderless().peer_unreachable("n2").peer("n3", kHere);
  b.settings.dynamic.primary_race_backoff = 60s;
  b.settings.dynamic.check_timeline = true;
  b.view.memory.race.previous_position = kHere;
  b.cluster.history.lines.emplace_back().parent = {8};
  b.cluster.history.empty_list = false;
  EXPECT_TRUE(intends<intent::Acquire>(b.decide()));
}

TEST(StandbyRace, after_a_switchover_is_not_held_by_who_gave_the_lock_away) {
  ViewBuilder b = leaderless().peer("n2", Lsn{kHere.value + 100}).peer("n3", kHere);
  b.cluster.failover.version = dcs::Version("9");
  b.cluster.failover.leader = "n2";
  EXPECT_TRUE(intends<intent::Acquire>(b.decide()));
  b.cluster.failover.candidate = "n1";
  EXPECT_TRUE(intends<intent::Acquire>(b.decide()));
}

TEST(StandbyRace, of_who_may_not_lead_ends_with_wal_from_the_other_cluster) {
  ViewBuilder b = leaderless();
  b.settings.tags.nofailover = true;
  b.view.postgres.recovery_difference = postgres::RecoveryDifference::reload;
  const Decision first = b.decide();
  EXPECT_TRUE(intends<intent::None>(first)) << "a leader may come any moment";
  b.view.memory = first.memory;
  b.view.now += 11s;
  b.view.postgres.facts.probe->asked_at = b.view.now;
  b.linearizable();
  const Decision d = b.decide();
  ASSERT_TRUE(intends<intent::Follow>(d));
  EXPECT_TRUE(std::get<intent::Follow>(d.intent).upstream->remote);
  b.settings.dynamic.pause = true;
  EXPECT_FALSE(intends<intent::Follow>(b.decide()));
}

TEST(StandbyRace, starts_who_is_down_towards_the_other_cluster) {
  ViewBuilder b = leaderless().down("shut down in recovery");
  b.settings.postgresql.use_pg_rewind = false;
  const Decision d = b.decide();
  ASSERT_TRUE(intends<intent::Start>(d));
  EXPECT_TRUE(std::get<intent::Start>(d.intent).upstream->remote);
  EXPECT_FALSE(std::get<intent::Start>(d.intent).as_standby_leader);
  EXPECT_EQ(d.reason.text(), "trying to follow a remote member because standby cluster is unhealthy");
}

TEST(StandbyBootstrap, copies_the_other_cluster) {
  ViewBuilder b = ViewBuilder().before_bootstrap().linearizable();
  follow_remote(b);
  const Decision d = b.decide();
  ASSERT_TRUE(intends<intent::Bootstrap>(d));
  const auto& bootstrap = std::get<intent::Bootstrap>(d.intent);
  EXPECT_TRUE(bootstrap.standby_leader && bootstrap.source && bootstrap.source->remote);
  EXPECT_EQ(d.reason.text(), "trying to bootstrap a new standby leader");
}

TEST(StandbyBootstrap, from_an_archive_has_no_source) {
  ViewBuilder b = ViewBuilder().before_bootstrap().linearizable();
  follow_remote(b, "");
  b.settings.dynamic.remote.restore_command = "cp";
  const Decision d = b.decide();
  ASSERT_TRUE(intends<intent::Bootstrap>(d));
  EXPECT_FALSE(std::get<intent::Bootstrap>(d.intent).source);
}

TEST(StandbyBootstrap, of_itself_is_none) {
  ViewBuilder b = ViewBuilder().before_bootstrap().linearizable();
  follow_remote(b, "n2.example");
  const Decision d = b.decide();
  EXPECT_TRUE(intends<intent::None>(d));
  EXPECT_EQ(d.reason.text(), "waiting for standby_leader to bootstrap");
}

TEST(StandbyBootstrap, stores_its_result_before_the_copy_is_started) {
  ViewBuilder b = ViewBuilder().before_bootstrap().linearizable();
  follow_remote(b);
  b.view.memory.making.bootstrapping = b.view.memory.making.standby_leader = true;
  b.view.postgres.facts.data_directory = postgres::DataDirectory::ok;
  b.ended(OperationKind::bootstrap, true);
  const Decision d = b.decide();
  ASSERT_TRUE(intends<intent::FinishBootstrap>(d));
  EXPECT_TRUE(std::get<intent::FinishBootstrap>(d.intent).standby_leader);
}

TEST(StandbyBootstrap, that_failed_is_tried_again_after_a_while) {
  ViewBuilder b = ViewBuilder().before_bootstrap().linearizable();
  follow_remote(b);
  b.view.memory.making.bootstrapping = b.view.memory.making.standby_leader = true;
  b.ended(OperationKind::bootstrap, false);
  EXPECT_TRUE(intends<intent::CancelBootstrap>(b.decide()));
  b.ended(OperationKind::cancel_bootstrap, true);
  const Decision d = b.decide();
  EXPECT_TRUE(intends<intent::None>(d)) << "the daemon does not end";
  ASSERT_TRUE(d.wake_at);
  b.view.memory = d.memory;
  b.view.now += 11s;
  b.linearizable();
  EXPECT_TRUE(intends<intent::Bootstrap>(b.decide()));
}

}  // namespace
}  // namespace tanist::ha
