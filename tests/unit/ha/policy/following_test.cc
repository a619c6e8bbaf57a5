#include "ha/policy/following.h"
#include "ha/policy/decide.h"

#include <gtest/gtest.h>

#include "unit/ha/view_builder.h"

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

TEST(Upstream, of_a_leader_is_nobody) {
  EXPECT_EQ(upstream_name(ViewBuilder().as_leader()), "nobody");
}

TEST(Upstream, without_a_leader_is_nobody) {
  EXPECT_EQ(upstream_name(ViewBuilder().as_candidate()), "nobody");
}

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
  EXPECT_EQ(d.memory.rejoin.rewind, RewindState::check);
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
  EXPECT_TRUE(
      intends<intent::Demote>(ViewBuilder().as_leader().leader("n2").lease_for(20s).linearizable().decide()));
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
  b.view.memory.race.acquiring = true;
  const Decision d = b.decide();
  EXPECT_EQ(d.reason.text(), "following new leader after trying and failing to obtain lock");
  EXPECT_FALSE(d.memory.race.acquiring);
}

TEST(Following, a_primary_that_lost_the_race_is_demoted) {
  ViewBuilder b = ViewBuilder().as_leader().leader("n2").no_lease();
  b.view.memory.race.acquiring = true;
  EXPECT_EQ(b.decide().reason.text(), "demoted self after trying and failing to obtain lock");
}

TEST(Following, a_standby_that_starts_is_waited_for) {
  const Decision d = ViewBuilder().as_replica().starting().decide();
  EXPECT_TRUE(intends<intent::None>(d));
  EXPECT_TRUE(says(d, "Still starting up as a standby."));
}

TEST(Following, a_standby_that_starts_is_pointed_to_a_new_leader) {
  ViewBuilder b = ViewBuilder().as_replica().starting();
  b.view.postgres.recovery_difference = postgres::RecoveryDifference::reload;
  EXPECT_TRUE(intends<intent::Follow>(b.decide()));
}

/// I do not stream any more, since `since`; the leader's key says `state`.
ViewBuilder cut_off(Duration since, const std::string& state = "running") {
  ViewBuilder b = ViewBuilder().as_replica();
  auto& facts = b.view.postgres.facts;
  facts.major_version = 150000;
  facts.probe->receiver_state.clear();
  facts.probe->asked_at = b.view.now;
  b.cluster.members["n2"].state = state;
  b.view.memory.following.nudges = Nudges{.of = "n2 " + state + " 1", .since = b.view.now - since};
  b.cluster.members["n2"].timeline = {1};
  return b;
}

TEST(Nudging, a_standby_that_lost_its_stream_is_told_to_look_a_moment_later) {
  ViewBuilder b = cut_off(0s);
  b.view.memory.following.nudges.reset();
  const Decision first = b.decide();
  // PostgreSQL itself has just tried.
  EXPECT_FALSE(has_duty<duty::LookForWal>(first));
  ASSERT_TRUE(first.memory.following.nudges);
  EXPECT_EQ(first.wake_at, b.view.now + 200ms);
  b = cut_off(200ms);
  const Decision next = b.decide();
  EXPECT_TRUE(has_duty<duty::LookForWal>(next));
  EXPECT_EQ(next.memory.following.nudges->last, b.view.now);
  EXPECT_EQ(next.memory.following.nudges->count, 1);
}

TEST(Nudging, nobody_is_told_to_look_while_the_upstream_does_not_accept_and_at_once_when_it_does) {
  ViewBuilder b = cut_off(3s, "starting");
  Decision d = b.decide();
  EXPECT_FALSE(has_duty<duty::LookForWal>(d));
  EXPECT_TRUE(d.memory.following.nudges->waited);
  EXPECT_EQ(d.wake_at, b.view.now + 100ms);
  EXPECT_EQ(cut_off(31s, "starting").decide().wake_at, b.view.now + 1s);
  ViewBuilder back = cut_off(10ms);
  back.view.memory.following.nudges->waited = true;
  EXPECT_TRUE(has_duty<duty::LookForWal>(back.decide()));
  EXPECT_FALSE(back.decide().memory.following.nudges->waited);
}

TEST(Nudging, is_done_no_more_often_than_every_200_ms_and_after_a_look) {
  ViewBuilder b = cut_off(3s);
  b.view.memory.following.nudges->last = b.view.now - 199ms;
  EXPECT_FALSE(has_duty<duty::LookForWal>(b.decide()));
  b.view.memory.following.nudges->last = b.view.now - 200ms;
  EXPECT_TRUE(has_duty<duty::LookForWal>(b.decide()));
  b.view.postgres.facts.probe->asked_at = b.view.now - 201ms;
  EXPECT_FALSE(has_duty<duty::LookForWal>(b.decide())) << "whether it streams by now is not known";
}

TEST(Nudging, comes_to_an_end_and_begins_anew_when_the_upstream_changes) {
  ViewBuilder b = cut_off(1h).divergence(postgres::Divergence::none);
  int nudges = 0;
  for (int i = 0; i < 1000; ++i) {
    b.view.now += 1s;
    b.view.postgres.facts.probe->asked_at = b.view.now;
    const Decision d = b.decide();
    b.view.memory = d.memory;
    if (has_duty<duty::LookForWal>(d)) ++nudges;
  }
  EXPECT_GT(nudges, 10);
  EXPECT_LT(nudges, 20);
  b.cluster.members["n2"].timeline = {2};
  EXPECT_TRUE(has_duty<duty::LookForWal>(b.decide()));
}

TEST(Nudging, is_for_standbys_that_should_stream_only) {
  ViewBuilder streams = cut_off(3s);
  streams.view.postgres.facts.probe->receiver_state = "streaming";
  EXPECT_FALSE(has_duty<duty::LookForWal>(streams.decide()));
  EXPECT_FALSE(streams.decide().memory.following.nudges);
  ViewBuilder alone = cut_off(3s);
  alone.settings.tags.nostream = true;
  EXPECT_FALSE(has_duty<duty::LookForWal>(alone.decide()));
  ViewBuilder old = cut_off(3s);
  old.view.postgres.facts.major_version = 90500;
  EXPECT_FALSE(has_duty<duty::LookForWal>(old.decide())) << "it does not tell whether it streams";
  ViewBuilder down = cut_off(3s);
  down.down("in archive recovery");
  EXPECT_FALSE(has_duty<duty::LookForWal>(down.decide()));
}

TEST(Following, a_fence_that_is_still_armed_is_disarmed) {
  ViewBuilder b = ViewBuilder().as_replica();
  b.view.fence.armed = b.view.fence.holds = true;
  const auto fences = duties<duty::Fence>(b.decide());
  ASSERT_EQ(fences.size(), 1U);
  EXPECT_FALSE(fences[0].arm);
}

}  // namespace
}  // namespace tanist::ha
