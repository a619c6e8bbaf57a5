#include "ha/policy/following.h"

#include <gtest/gtest.h>

#include "view_builder.h"

namespace tanist::ha {
namespace {

using namespace testing;

std::string upstream_name(const ViewBuilder& b) {
  const auto upstream = wanted_upstream(b.build());
  return upstream ? upstream->member : "nobody";
}

TEST(Upstream, is_the_leader) {
  const auto upstream = wanted_upstream(ViewBuilder().as_replica().build());
  ASSERT_TRUE(upstream);
  EXPECT_EQ(upstream->member, "n2");
  EXPECT_EQ(upstream->host, "n2.example");
  EXPECT_EQ(upstream->port, 5432);
  EXPECT_EQ(upstream->slot, "n1");
}

TEST(Upstream, has_no_slot_where_slots_are_off) {
  ViewBuilder b = ViewBuilder().as_replica();
  b.settings.postgresql.use_slots = false;
  EXPECT_EQ(wanted_upstream(b.build())->slot, "");
}

TEST(Upstream, of_a_leader_is_nobody) { EXPECT_EQ(upstream_name(ViewBuilder().as_leader()), "nobody"); }

TEST(Upstream, without_a_leader_is_nobody) { EXPECT_EQ(upstream_name(ViewBuilder().as_candidate()), "nobody"); }

TEST(Upstream, without_a_view_is_nobody) {
  View view = ViewBuilder().as_replica().build();
  view.store.cluster = nullptr;
  EXPECT_EQ(wanted_upstream(view), std::nullopt);
}

TEST(Upstream, of_a_member_that_must_not_stream_is_nobody) {
  ViewBuilder b = ViewBuilder().as_replica();
  b.settings.tags.nostream = true;
  EXPECT_EQ(upstream_name(b), "nobody");
}

TEST(Upstream, is_the_member_that_the_tag_names) {
  ViewBuilder b = ViewBuilder().as_replica();
  b.settings.tags.replicatefrom = "n3";
  EXPECT_EQ(upstream_name(b), "n3");
}

TEST(Upstream, is_the_leader_when_the_named_member_is_away) {
  ViewBuilder b = ViewBuilder().as_replica().without_member("n3");
  b.settings.tags.replicatefrom = "n3";
  EXPECT_EQ(upstream_name(b), "n2");
}

TEST(Upstream, is_the_leader_when_the_tag_names_myself) {
  ViewBuilder b = ViewBuilder().as_replica();
  b.settings.tags.replicatefrom = "n1";
  EXPECT_EQ(upstream_name(b), "n2");
}

TEST(Upstream, is_the_leader_when_members_stream_in_a_circle) {
  ViewBuilder b = ViewBuilder().as_replica();
  b.settings.tags.replicatefrom = "n3";
  b.cluster.members["n3"].tags = Document::map({{"replicatefrom", "n1"}});
  EXPECT_EQ(upstream_name(b), "n2");
}

TEST(Upstream, of_a_leader_without_a_member_key_is_nobody) {
  EXPECT_EQ(upstream_name(ViewBuilder().as_replica().without_member("n2")), "nobody");
}

TEST(Following, a_replica_that_streams_does_nothing) {
  const Decision d = ViewBuilder().as_replica().decide();
  EXPECT_EQ(d.reason.text(), "no action. I am (n1), a secondary, and following a leader (n2)");
  EXPECT_TRUE(intends<intent::None>(d));
  EXPECT_EQ(d.mandate.kind, Mandate::Kind::lapse);
  EXPECT_FALSE(d.needs.any());
  EXPECT_TRUE(has_duty<duty::Member>(d));
}

TEST(Following, a_new_leader_is_followed_by_a_reload) {
  ViewBuilder b = ViewBuilder().as_replica();
  b.view.postgres.recovery_difference = postgres::RecoveryDifference::reload;
  const Decision d = b.decide();
  ASSERT_TRUE(intends<intent::Follow>(d));
  EXPECT_FALSE(std::get<intent::Follow>(d.intent).restart);
  EXPECT_EQ(std::get<intent::Follow>(d.intent).upstream->member, "n2");
  EXPECT_EQ(d.memory.rewind, Memory::Rewind::check);
}

TEST(Following, what_a_reload_cannot_change_is_followed_by_a_restart) {
  ViewBuilder b = ViewBuilder().as_replica();
  b.view.postgres.recovery_difference = postgres::RecoveryDifference::restart;
  const Decision d = b.decide();
  ASSERT_TRUE(intends<intent::Follow>(d));
  EXPECT_TRUE(std::get<intent::Follow>(d.intent).restart);
  EXPECT_EQ(d.reason.text(), "changing primary_conninfo and restarting");
}

TEST(Following, a_leader_whose_key_is_late_changes_nothing) {
  ViewBuilder b = ViewBuilder().as_replica().without_member("n2");
  b.view.postgres.recovery_difference = postgres::RecoveryDifference::reload;
  EXPECT_TRUE(intends<intent::None>(b.decide()));
}

TEST(Following, a_primary_without_the_lock_is_stopped_at_once) {
  const Decision d = ViewBuilder().as_leader().leader("n2").no_lease().decide();
  ASSERT_TRUE(intends<intent::Demote>(d));
  EXPECT_EQ(std::get<intent::Demote>(d.intent).mode, DemoteMode::immediate_nolock);
  EXPECT_EQ(d.reason.text(), "demoting self because I do not have the lock and I was a leader");
  EXPECT_EQ(d.mandate.kind, Mandate::Kind::lapse);
}

TEST(Following, a_copy_that_contradicts_a_proven_lease_stops_nobody) {
  const Decision d = ViewBuilder().as_leader().leader("n2").lease_for(20s).decide();
  EXPECT_TRUE(intends<intent::None>(d));
  EXPECT_TRUE(d.needs.linearizable_view);
}

TEST(Following, a_fresh_view_that_contradicts_a_lease_does) {
  EXPECT_TRUE(intends<intent::Demote>(ViewBuilder().as_leader().leader("n2").lease_for(20s).linearizable().decide()));
}

TEST(Following, a_lock_in_my_name_of_a_foreign_session_is_anothers) {
  ViewBuilder b = ViewBuilder().as_leader().no_lease();
  b.view.lock = Lock::foreign_session;
  const Decision d = b.decide();
  EXPECT_TRUE(intends<intent::Demote>(d));
}

TEST(Following, a_replica_says_that_a_foreign_session_has_its_name) {
  ViewBuilder b = ViewBuilder().as_replica().leader("n1");
  b.view.lock = Lock::foreign_session;
  const Decision d = b.decide();
  EXPECT_TRUE(intends<intent::None>(d));
  EXPECT_TRUE(says_something_like(d, "belongs to a session that is not mine"));
}

TEST(Following, who_lost_the_race_says_whom_it_follows_now) {
  ViewBuilder b = ViewBuilder().as_replica();
  b.view.memory.acquiring = true;
  const Decision d = b.decide();
  EXPECT_EQ(d.reason.text(), "following new leader after trying and failing to obtain lock");
  EXPECT_FALSE(d.memory.acquiring);
}

TEST(Following, a_primary_that_lost_the_race_is_demoted) {
  ViewBuilder b = ViewBuilder().as_leader().leader("n2").no_lease();
  b.view.memory.acquiring = true;
  EXPECT_EQ(b.decide().reason.text(), "demoted self after trying and failing to obtain lock");
}

TEST(Following, a_standby_that_starts_is_waited_for) {
  const Decision d = ViewBuilder().as_replica().starting().decide();
  EXPECT_TRUE(intends<intent::None>(d));
  EXPECT_TRUE(says(d, "Still starting up as a standby."));
}

TEST(Following, a_fence_that_is_still_armed_is_disarmed) {
  ViewBuilder b = ViewBuilder().as_replica();
  b.view.fence.armed = true;
  const auto fences = duties<duty::Fence>(b.decide());
  ASSERT_EQ(fences.size(), 1U);
  EXPECT_FALSE(fences[0].arm);
}

TEST(Rejoining, is_compared_with_the_leader_first) {
  ViewBuilder b = ViewBuilder().as_replica();
  b.view.memory.rewind = Memory::Rewind::check;
  const Decision d = b.decide();
  ASSERT_TRUE(d.needs.divergence);
  EXPECT_EQ(d.needs.divergence->member, "n2");
}

TEST(Rejoining, is_not_compared_with_a_leader_that_is_no_primary_yet) {
  ViewBuilder b = ViewBuilder().as_replica();
  b.view.memory.rewind = Memory::Rewind::check;
  b.cluster.members["n2"].role = "replica";
  const Decision d = b.decide();
  EXPECT_FALSE(d.needs.any());
  EXPECT_EQ(d.memory.rewind, Memory::Rewind::check);
  EXPECT_EQ(*d.wake_at, b.view.now + 1s);
}

TEST(Rejoining, an_undiverged_member_goes_on) {
  ViewBuilder b = ViewBuilder().as_replica().divergence(postgres::Divergence::none);
  b.view.memory.rewind = Memory::Rewind::check;
  const Decision d = b.decide();
  EXPECT_EQ(d.memory.rewind, Memory::Rewind::not_need);
  EXPECT_TRUE(intends<intent::None>(d));
}

TEST(Rejoining, an_unknown_answer_is_asked_for_again) {
  ViewBuilder b = ViewBuilder().as_replica().divergence(postgres::Divergence::unknown);
  b.view.memory.rewind = Memory::Rewind::check;
  EXPECT_EQ(b.decide().memory.rewind, Memory::Rewind::check);
}

TEST(Rejoining, a_diverged_member_is_rewound) {
  ViewBuilder b = ViewBuilder().as_replica().divergence(postgres::Divergence::diverged);
  b.view.memory.rewind = Memory::Rewind::check;
  const Decision d = b.decide();
  ASSERT_TRUE(intends<intent::Rewind>(d));
  EXPECT_EQ(std::get<intent::Rewind>(d.intent).source.member, "n2");
  EXPECT_EQ(d.reason.text(), "running pg_rewind from n2");
}

TEST(Rejoining, a_diverged_former_primary_is_rewound_before_it_starts) {
  ViewBuilder b = ViewBuilder().as_leader().leader("n2").no_lease().down("shut down");
  b.divergence(postgres::Divergence::diverged);
  b.view.postgres.role = postgres::Role::demoted;
  b.view.postgres.state = postgres::State::stopped;
  EXPECT_TRUE(intends<intent::Rewind>(b.decide()));
}

TEST(Rejoining, a_leader_before_its_checkpoint_is_waited_for) {
  ViewBuilder b = ViewBuilder().as_replica();
  b.view.memory.rewind = Memory::Rewind::need;
  b.cluster.members["n2"].checkpoint_after_promote_pending = true;
  const Decision d = b.decide();
  EXPECT_TRUE(intends<intent::None>(d));
  EXPECT_EQ(d.reason.text(), "Waiting for checkpoint on n2 before rewind");
  EXPECT_TRUE(d.wake_at);
}

TEST(Rejoining, a_killed_standby_becomes_consistent_before_it_is_rewound) {
  ViewBuilder b = ViewBuilder().as_replica().down("in archive recovery");
  b.view.memory.rewind = Memory::Rewind::need;
  const Decision d = b.decide();
  EXPECT_TRUE(intends<intent::CrashRecover>(d));
  EXPECT_TRUE(d.memory.crash_recovery_tried);
}

TEST(Rejoining, data_is_not_removed_without_permission) {
  ViewBuilder b = ViewBuilder().as_replica().linearizable();
  b.settings.postgresql.use_pg_rewind = false;
  b.view.memory.rewind = Memory::Rewind::need;
  const Decision d = b.decide();
  EXPECT_TRUE(intends<intent::None>(d));
}

TEST(Rejoining, a_member_that_cannot_be_rewound_is_cloned_anew_where_allowed) {
  ViewBuilder b = ViewBuilder().as_replica().linearizable();
  b.settings.postgresql.use_pg_rewind = false;
  b.settings.postgresql.remove_data_directory_on_diverged_timelines = true;
  b.view.memory.rewind = Memory::Rewind::need;
  const Decision d = b.decide();
  ASSERT_TRUE(intends<intent::Clone>(d));
  EXPECT_NE(std::get<intent::Clone>(d.intent).why_removal_allowed, "");
  EXPECT_EQ(d.reason.text(), "reinitializing due to diverged timelines");
}

TEST(Rejoining, data_is_removed_on_a_fresh_view_only) {
  ViewBuilder b = ViewBuilder().as_replica();
  b.settings.postgresql.use_pg_rewind = false;
  b.settings.postgresql.remove_data_directory_on_diverged_timelines = true;
  b.view.memory.rewind = Memory::Rewind::need;
  const Decision d = b.decide();
  EXPECT_FALSE(intends<intent::Clone>(d));
  EXPECT_TRUE(d.needs.linearizable_view);
}

TEST(Rejoining, data_is_not_removed_for_a_leader_that_is_no_primary) {
  ViewBuilder b = ViewBuilder().as_replica().linearizable();
  b.settings.postgresql.use_pg_rewind = false;
  b.settings.postgresql.remove_data_directory_on_diverged_timelines = true;
  b.view.memory.rewind = Memory::Rewind::need;
  b.cluster.members["n2"].role = "replica";
  EXPECT_FALSE(intends<intent::Clone>(b.decide()));
}

TEST(Rejoining, a_failed_rewind_clones_where_allowed) {
  ViewBuilder b = ViewBuilder().as_replica().down("shut down").linearizable();
  b.ended(OperationKind::rewind, false, "pg_rewind: error");
  b.view.memory.rewind = Memory::Rewind::need;
  b.settings.postgresql.remove_data_directory_on_rewind_failure = true;
  EXPECT_TRUE(intends<intent::Clone>(b.decide()));
}

TEST(Rejoining, a_failed_rewind_starts_anyway_where_nothing_else_is_allowed) {
  ViewBuilder b = ViewBuilder().as_replica().down("shut down").ended(OperationKind::rewind, false, "pg_rewind: error");
  b.view.memory.rewind = Memory::Rewind::need;
  const Decision d = b.decide();
  EXPECT_TRUE(intends<intent::Start>(d));
  EXPECT_EQ(d.memory.rewind, Memory::Rewind::failed);
}

TEST(Rejoining, a_rewind_that_failed_with_the_leader_gone_is_still_needed) {
  ViewBuilder b = ViewBuilder().as_candidate().down("shut down").ended(OperationKind::rewind, false, "no connection");
  b.view.memory.rewind = Memory::Rewind::need;
  EXPECT_EQ(b.decide().memory.rewind, Memory::Rewind::need);
}

TEST(Rejoining, a_rewound_member_starts_without_another_comparison) {
  ViewBuilder b = ViewBuilder().as_replica().down("in production").ended(OperationKind::rewind, true);
  b.view.postgres.state = postgres::State::stopped;
  b.view.memory.rewind = Memory::Rewind::need;
  b.view.memory.crash_recovery_tried = true;
  const Decision d = b.decide();
  EXPECT_TRUE(intends<intent::Start>(d));
  EXPECT_FALSE(d.needs.any());
}

TEST(Rejoining, a_successful_start_forgets_the_rewind) {
  ViewBuilder b = ViewBuilder().as_replica().ended(OperationKind::start, true);
  b.view.memory.rewind = Memory::Rewind::success;
  EXPECT_EQ(b.decide().memory.rewind, Memory::Rewind::initial);
}

TEST(Rejoining, a_timeline_behind_the_leaders_is_looked_into_once) {
  ViewBuilder b = ViewBuilder().as_replica();
  b.cluster.members["n2"].timeline = {2};
  const Decision first = b.decide();
  EXPECT_TRUE(first.needs.divergence);
  b.view.memory = first.memory;
  b.divergence(postgres::Divergence::none);
  const Decision second = b.decide();
  EXPECT_EQ(second.memory.rewind, Memory::Rewind::not_need);
  b.view.memory = second.memory;
  b.view.answers = {};
  EXPECT_FALSE(b.decide().needs.any());
}

TEST(Rejoining, nothing_is_checked_where_nothing_could_be_done) {
  ViewBuilder b = ViewBuilder().as_replica();
  b.settings.postgresql.use_pg_rewind = false;
  b.cluster.members["n2"].timeline = {2};
  EXPECT_FALSE(b.decide().needs.any());
}

}  // namespace
}  // namespace tanist::ha
