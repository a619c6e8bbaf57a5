#include "ha/policy/rejoin.h"

#include <gtest/gtest.h>

#include "unit/ha/view_builder.h"

namespace tanist::ha {
namespace {

using namespace testing;

TEST(Rejoining, is_compared_with_the_leader_first) {
  ViewBuilder b = ViewBuilder().as_replica();
  b.view.memory.rejoin.rewind = RewindState::check;
  const Decision d = b.decide();
  ASSERT_TRUE(d.needs.divergence);
  EXPECT_EQ(d.needs.divergence->member, "n2");
}

TEST(Rejoining, is_not_compared_with_a_leader_that_is_no_primary_yet) {
  ViewBuilder b = ViewBuilder().as_replica();
  b.view.memory.rejoin.rewind = RewindState::check;
  b.cluster.members["n2"].role = "replica";
  const Decision d = b.decide();
  EXPECT_FALSE(d.needs.any());
  EXPECT_EQ(d.memory.rejoin.rewind, RewindState::check);
  EXPECT_EQ(*d.wake_at, b.view.now + 1s);
}

TEST(Rejoining, an_undiverged_member_goes_on) {
  ViewBuilder b = ViewBuilder().as_replica().divergence(postgres::Divergence::none);
  b.view.memory.rejoin.rewind = RewindState::check;
  const Decision d = b.decide();
  EXPECT_EQ(d.memory.rejoin.rewind, RewindState::not_need);
  EXPECT_TRUE(intends<intent::None>(d));
}

TEST(Rejoining, an_unknown_answer_is_asked_for_again) {
  ViewBuilder b = ViewBuilder().as_replica().divergence(postgres::Divergence::unknown);
  b.view.memory.rejoin.rewind = RewindState::check;
  EXPECT_EQ(b.decide().memory.rejoin.rewind, RewindState::check);
}

TEST(Rejoining, a_diverged_member_is_rewound) {
  ViewBuilder b = ViewBuilder().as_replica().divergence(postgres::Divergence::diverged);
  b.view.memory.rejoin.rewind = RewindState::check;
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
  b.view.memory.rejoin.rewind = RewindState::need;
  b.cluster.members["n2"].checkpoint_after_promote_pending = true;
  const Decision d = b.decide();
  EXPECT_TRUE(intends<intent::None>(d));
  EXPECT_EQ(d.reason.text(), "Waiting for checkpoint on n2 before rewind");
  EXPECT_TRUE(d.wake_at);
}

TEST(Rejoining, a_killed_standby_becomes_consistent_before_it_is_rewound) {
  ViewBuilder b = ViewBuilder().as_replica().down("in archive recovery");
  b.view.memory.rejoin.rewind = RewindState::need;
  const Decision d = b.decide();
  EXPECT_TRUE(intends<intent::CrashRecover>(d));
  EXPECT_TRUE(d.memory.outage.crash_recovery_tried);
}

TEST(Rejoining, data_is_not_removed_without_permission) {
  ViewBuilder b = ViewBuilder().as_replica().linearizable();
  b.settings.postgresql.use_pg_rewind = false;
  b.view.memory.rejoin.rewind = RewindState::need;
  const Decision d = b.decide();
  EXPECT_TRUE(intends<intent::None>(d));
}

TEST(Rejoining, a_member_that_cannot_be_rewound_is_cloned_anew_where_allowed) {
  ViewBuilder b = ViewBuilder().as_replica().linearizable();
  b.settings.postgresql.use_pg_rewind = false;
  b.settings.postgresql.remove_data_directory_on_diverged_timelines = true;
  b.view.memory.rejoin.rewind = RewindState::need;
  const Decision d = b.decide();
  ASSERT_TRUE(intends<intent::Clone>(d));
  EXPECT_NE(std::get<intent::Clone>(d.intent).why_removal_allowed, "");
  EXPECT_EQ(d.reason.text(), "reinitializing due to diverged timelines");
}

TEST(Rejoining, data_is_removed_on_a_fresh_view_only) {
  ViewBuilder b = ViewBuilder().as_replica();
  b.settings.postgresql.use_pg_rewind = false;
  b.settings.postgresql.remove_data_directory_on_diverged_timelines = true;
  b.view.memory.rejoin.rewind = RewindState::need;
  const Decision d = b.decide();
  EXPECT_FALSE(intends<intent::Clone>(d));
  EXPECT_TRUE(d.needs.linearizable_view);
}

TEST(Rejoining, data_is_not_removed_for_a_leader_that_is_no_primary) {
  ViewBuilder b = ViewBuilder().as_replica().linearizable();
  b.settings.postgresql.use_pg_rewind = false;
  b.settings.postgresql.remove_data_directory_on_diverged_timelines = true;
  b.view.memory.rejoin.rewind = RewindState::need;
  b.cluster.members["n2"].role = "replica";
  EXPECT_FALSE(intends<intent::Clone>(b.decide()));
}

TEST(Rejoining, data_is_not_removed_for_a_cluster_that_does_not_say_which_it_is) {
  ViewBuilder b = ViewBuilder().as_replica().linearizable();
  b.settings.postgresql.use_pg_rewind = false;
  b.settings.postgresql.remove_data_directory_on_diverged_timelines = true;
  b.view.memory.rejoin.rewind = RewindState::need;
  b.cluster.initialize = {};
  EXPECT_FALSE(intends<intent::Clone>(b.decide()));
}

TEST(Rejoining, a_leader_that_is_no_primary_yet_is_waited_for_before_a_rewind) {
  ViewBuilder b = ViewBuilder().as_replica();
  b.view.memory.rejoin.rewind = RewindState::need;
  b.cluster.members["n2"].role = "replica";
  const Decision d = b.decide();
  EXPECT_TRUE(intends<intent::None>(d));
  EXPECT_EQ(d.reason.text(), "Waiting for checkpoint on n2 before rewind");
}

TEST(Rejoining, a_failed_rewind_clones_where_allowed) {
  ViewBuilder b = ViewBuilder().as_replica().down("shut down").linearizable();
  b.ended(OperationKind::rewind, false, "pg_rewind: error");
  b.view.memory.rejoin.rewind = RewindState::need;
  b.settings.postgresql.remove_data_directory_on_rewind_failure = true;
  EXPECT_TRUE(intends<intent::Clone>(b.decide()));
}

TEST(Rejoining, a_failed_rewind_starts_anyway_where_nothing_else_is_allowed) {
  ViewBuilder b =
      ViewBuilder().as_replica().down("shut down").ended(OperationKind::rewind, false, "pg_rewind: error");
  b.view.memory.rejoin.rewind = RewindState::need;
  const Decision d = b.decide();
  EXPECT_TRUE(intends<intent::Start>(d));
  EXPECT_EQ(d.memory.rejoin.rewind, RewindState::failed);
}

/// Rewinds have failed `failed` times in a row, the last one `ago`.
ViewBuilder in_vain(int failed, Duration ago) {
  ViewBuilder b = ViewBuilder().as_replica().down("shut down");
  b.ended(OperationKind::rewind, false, "pg_rewind from n2 failed: WAL file 7 is needed");
  b.view.last_operation->ended = b.view.now - ago;
  b.view.memory.results_seen = b.view.last_operation->serial;
  b.view.memory.rejoin.rewind = RewindState::need;
  b.view.memory.rejoin.rewinds_failed = failed;
  b.view.memory.rejoin.rewind_failed_from = "n2";
  b.view.memory.rejoin.error = "pg_rewind from n2 failed: WAL file 7 is needed";
  return b;
}

TEST(Rejoining, rewinds_that_fail_are_tried_again_ever_later_up_to_five_minutes) {
  EXPECT_TRUE(intends<intent::Rewind>(in_vain(1, 5s).decide()));
  EXPECT_FALSE(intends<intent::Rewind>(in_vain(2, 9s).decide()));
  EXPECT_TRUE(intends<intent::Rewind>(in_vain(2, 10s).decide()));
  EXPECT_FALSE(intends<intent::Rewind>(in_vain(30, 299s).decide()));
  EXPECT_TRUE(intends<intent::Rewind>(in_vain(30, 300s).decide()));
}

TEST(Rejoining, a_rewind_that_cannot_succeed_says_why_and_what_gets_out_once_a_minute) {
  ViewBuilder b = in_vain(3, 5s);
  Decision d = b.decide();
  EXPECT_TRUE(says(d,
                   "this member cannot rejoin the leader n2: pg_rewind from n2 failed: WAL file 7 is needed\n"
                   "HINT: mend that, the next try is made in 15 s; or have the member copied anew: "
                   "reinitialize it, or set postgresql.remove_data_directory_on_rewind_failure"));
  b.view.memory = d.memory;
  b.view.now += 2s;
  EXPECT_FALSE(says_something_like(b.decide(), "cannot rejoin"));
}

TEST(Rejoining, another_leader_is_tried_soon) {
  ViewBuilder b = in_vain(30, 6s);
  b.view.memory.rejoin.rewind_failed_from = "n3";
  EXPECT_TRUE(intends<intent::Rewind>(b.decide()));
}

TEST(Rejoining, a_failure_is_counted_and_kept_for_others_to_see) {
  ViewBuilder b =
      ViewBuilder().as_replica().down("shut down").ended(OperationKind::rewind, false, "no WAL\nHINT: x");
  b.view.memory.rejoin.rewind = RewindState::need;
  b.view.memory.rejoin.rewinds_failed = 2;
  b.view.memory.rejoin.rewind_failed_from = "n2";
  Decision d = b.decide();
  EXPECT_EQ(d.memory.rejoin.rewinds_failed, 3);
  EXPECT_EQ(d.memory.rejoin.error, "no WAL");
  b.view.memory.rejoin.rewind_failed_from = "n3";
  EXPECT_EQ(b.decide().memory.rejoin.rewinds_failed, 1);
  // A source that was lost meanwhile tells nothing of ours.
  b.view.last_operation->ending = Ending::source_lost;
  EXPECT_EQ(b.decide().memory.rejoin.rewinds_failed, 2);
  ViewBuilder streams = ViewBuilder().as_replica();
  streams.view.memory.rejoin.error = "no WAL";
  streams.view.memory.rejoin.rewinds_failed = 3;
  d = streams.decide();
  EXPECT_EQ(d.memory.rejoin.error, "");
  EXPECT_EQ(d.memory.rejoin.rewinds_failed, 0);
}

TEST(Rejoining, what_was_left_half_way_says_so_although_the_primary_is_there) {
  ViewBuilder b = in_vain(3, 1s);
  b.view.postgres.facts.half_rewound = true;
  const Decision d = b.decide();
  EXPECT_TRUE(says_something_like(d, "cannot rejoin the leader n2"));
  EXPECT_FALSE(says_something_like(d, "waiting for a primary"));
}

TEST(Rejoining, why_wal_could_not_be_compared_is_told_once_a_minute) {
  ViewBuilder b = ViewBuilder().as_replica().divergence(postgres::Divergence::unknown);
  b.view.memory.rejoin.rewind = RewindState::check;
  b.view.answers.divergence->detail = "no pg_hba.conf entry";
  EXPECT_TRUE(
      says(b.decide(),
           "could not compare the WAL of this member with that of the leader n2: no pg_hba.conf entry"));
}

TEST(Rejoining, a_rewind_that_failed_with_the_leader_gone_is_still_needed) {
  ViewBuilder b =
      ViewBuilder().as_candidate().down("shut down").ended(OperationKind::rewind, false, "no connection");
  b.view.memory.rejoin.rewind = RewindState::need;
  EXPECT_EQ(b.decide().memory.rejoin.rewind, RewindState::need);
}

TEST(Rejoining, a_rewound_member_starts_without_another_comparison) {
  ViewBuilder b = ViewBuilder().as_replica().down("in production").ended(OperationKind::rewind, true);
  b.view.postgres.state = postgres::State::stopped;
  b.view.memory.rejoin.rewind = RewindState::need;
  b.view.memory.outage.crash_recovery_tried = true;
  const Decision d = b.decide();
  EXPECT_TRUE(intends<intent::Start>(d));
  EXPECT_FALSE(d.needs.any());
}

TEST(Rejoining, a_successful_start_forgets_the_rewind) {
  ViewBuilder b = ViewBuilder().as_replica().ended(OperationKind::start, true);
  b.view.memory.rejoin.rewind = RewindState::success;
  EXPECT_EQ(b.decide().memory.rejoin.rewind, RewindState::initial);
}

TEST(Rejoining, a_timeline_behind_the_leaders_is_looked_into_once) {
  ViewBuilder b = ViewBuilder().as_replica();
  b.cluster.members["n2"].timeline = {2};
  const Decision first = b.decide();
  EXPECT_TRUE(first.needs.divergence);
  b.view.memory = first.memory;
  b.divergence(postgres::Divergence::none);
  const Decision second = b.decide();
  EXPECT_EQ(second.memory.rejoin.rewind, RewindState::not_need);
  b.view.memory = second.memory;
  b.view.answers = {};
  EXPECT_FALSE(b.decide().needs.any());
}

/// A standby of n2 that has not streamed for `since`.
ViewBuilder silent_standby(Duration since) {
  ViewBuilder b = ViewBuilder().as_replica();
  b.view.postgres.facts.probe->receiver_state.clear();
  b.view.memory.rejoin.not_streaming_since = b.view.now - since;
  return b;
}

TEST(Rejoining, a_standby_that_does_not_stream_is_compared_after_a_while) {
  EXPECT_FALSE(silent_standby(9s).decide().needs.divergence);
  const Decision d = silent_standby(10s).decide();
  EXPECT_TRUE(d.needs.divergence);
  EXPECT_EQ(d.memory.rejoin.looks_in_vain, 1);
}

TEST(Rejoining, the_time_without_streaming_counts_from_when_it_is_seen) {
  ViewBuilder b = ViewBuilder().as_replica();
  b.view.postgres.facts.probe->receiver_state.clear();
  const Decision d = b.decide();
  EXPECT_FALSE(d.needs.any());
  EXPECT_EQ(d.memory.rejoin.not_streaming_since, b.view.now);
}

TEST(Rejoining, each_look_in_vain_makes_the_next_one_later_up_to_five_minutes) {
  ViewBuilder b = silent_standby(400s);
  b.view.memory.rejoin.looks_in_vain = 2;
  b.view.memory.rejoin.compared_at = b.view.now - 39s;
  EXPECT_FALSE(b.decide().needs.divergence);
  b.view.memory.rejoin.compared_at = b.view.now - 40s;
  EXPECT_TRUE(b.decide().needs.divergence);
  b.view.memory.rejoin.looks_in_vain = 50;
  b.view.memory.rejoin.compared_at = b.view.now - 299s;
  EXPECT_FALSE(b.decide().needs.divergence);
  b.view.memory.rejoin.compared_at = b.view.now - 300s;
  EXPECT_TRUE(b.decide().needs.divergence);
}

TEST(Rejoining, a_comparison_is_remembered_with_its_time) {
  ViewBuilder b = silent_standby(10s).divergence(postgres::Divergence::none);
  const Decision d = b.decide();
  EXPECT_EQ(d.memory.rejoin.compared_at, b.view.now);
  EXPECT_EQ(d.memory.rejoin.rewind, RewindState::not_need);
}

TEST(Rejoining, a_standby_that_streams_forgets_what_went_wrong_before) {
  ViewBuilder b = ViewBuilder().as_replica();
  b.view.memory.rejoin.rewind = RewindState::failed;
  b.view.memory.rejoin.looks_in_vain = 3;
  b.view.memory.rejoin.not_streaming_since = b.view.now - 60s;
  const Decision d = b.decide();
  EXPECT_EQ(d.memory.rejoin.rewind, RewindState::not_need);
  EXPECT_EQ(d.memory.rejoin.looks_in_vain, 0);
  EXPECT_FALSE(d.memory.rejoin.not_streaming_since);
}

TEST(Rejoining, a_rewind_that_failed_is_not_the_last_word) {
  ViewBuilder b = silent_standby(20s).divergence(postgres::Divergence::diverged);
  b.view.memory.rejoin.rewind = RewindState::failed;
  b.view.memory.rejoin.looks_in_vain = 1;
  EXPECT_TRUE(intends<intent::Rewind>(b.decide()));
}

TEST(Rejoining, a_member_that_is_not_to_stream_is_not_expected_to) {
  ViewBuilder b = silent_standby(60s);
  b.settings.tags.nostream = true;
  EXPECT_FALSE(b.decide().needs.divergence);
}

TEST(Rejoining, a_failed_rewind_whose_source_was_lost_is_still_needed) {
  ViewBuilder b =
      ViewBuilder().as_replica().down("shut down").ended(OperationKind::rewind, false, "no connection");
  b.view.last_operation->ending = Ending::source_lost;
  b.view.memory.rejoin.rewind = RewindState::need;
  const Decision d = b.decide();
  EXPECT_EQ(d.memory.rejoin.rewind, RewindState::need);
  EXPECT_EQ(d.memory.rejoin.looks_in_vain, 0);
}

TEST(Rejoining, a_control_file_lost_in_a_rewind_makes_it_a_failure_whoever_is_gone) {
  ViewBuilder b = ViewBuilder().as_replica().down("shut down").linearizable();
  b.ended(OperationKind::rewind, false, "no connection");
  b.view.last_operation->ending = Ending::source_lost;
  b.view.memory.rejoin.rewind = RewindState::need;
  b.view.postgres.facts.half_rewound = true;
  b.view.postgres.facts.control.reset();
  b.view.postgres.facts.control_error = "exit code 1";
  b.settings.postgresql.remove_data_directory_on_rewind_failure = true;
  const Decision d = b.decide();
  ASSERT_TRUE(intends<intent::Clone>(d));
  EXPECT_EQ(std::get<intent::Clone>(d.intent).why_removal_allowed,
            "pg_rewind failed and remove_data_directory_on_rewind_failure is set");
}

TEST(Rejoining, a_lost_control_file_is_not_replaced_without_permission) {
  ViewBuilder b = ViewBuilder().as_replica().down("shut down").linearizable();
  b.view.memory.rejoin.rewind = RewindState::failed;
  b.view.postgres.facts.half_rewound = true;
  b.view.postgres.facts.control.reset();
  b.view.postgres.facts.control_error = "exit code 1";
  const Decision d = b.decide();
  EXPECT_TRUE(intends<intent::None>(d));
  EXPECT_EQ(d.memory.rejoin.rewind, RewindState::failed);
}

TEST(Rejoining, what_pg_rewind_cannot_see_is_cloned_anew_where_allowed) {
  ViewBuilder b = ViewBuilder().as_replica().linearizable().divergence(postgres::Divergence::diverged);
  b.view.memory.rejoin.rewind = RewindState::check;
  b.view.answers.divergence->beyond_rewind = true;
  Decision d = b.decide();
  EXPECT_FALSE(intends<intent::Rewind>(d));
  EXPECT_TRUE(d.memory.rejoin.beyond_rewind);
  EXPECT_TRUE(says_something_like(d, "HINT: reinitialize member n1"));
  b.settings.postgresql.remove_data_directory_on_diverged_timelines = true;
  d = b.decide();
  ASSERT_TRUE(intends<intent::Clone>(d));
  EXPECT_EQ(
      std::get<intent::Clone>(d.intent).why_removal_allowed,
      "its timeline has diverged from the leader's and remove_data_directory_on_diverged_timelines is set");
  EXPECT_FALSE(d.memory.rejoin.beyond_rewind);
}

TEST(Rejoining, what_pg_rewind_could_not_see_is_compared_again_with_the_next_leader) {
  ViewBuilder b = ViewBuilder().as_replica();
  b.view.memory.rejoin.rewind = RewindState::need;
  b.view.memory.rejoin.beyond_rewind = true;
  b.view.memory.following.leader_timeline = {1};
  b.cluster.members["n2"].timeline = {2};
  EXPECT_TRUE(b.decide().needs.divergence);
  b.divergence(postgres::Divergence::diverged);
  const Decision d = b.decide();
  EXPECT_TRUE(intends<intent::Rewind>(d));
  EXPECT_FALSE(d.memory.rejoin.beyond_rewind);
}

TEST(Rejoining, a_pg_rewind_that_does_not_work_is_not_counted_on) {
  ViewBuilder b = ViewBuilder().as_replica().linearizable();
  b.view.postgres.facts.rewind_works = false;
  b.view.memory.rejoin.rewind = RewindState::need;
  EXPECT_FALSE(intends<intent::Rewind>(b.decide()));
  b.settings.postgresql.remove_data_directory_on_diverged_timelines = true;
  EXPECT_TRUE(intends<intent::Clone>(b.decide()));
}

TEST(Rejoining, a_leader_that_does_not_tell_of_its_checkpoint_is_asked_for_one) {
  ViewBuilder b = ViewBuilder().as_replica();
  b.view.memory.rejoin.rewind = RewindState::need;
  EXPECT_FALSE(std::get<intent::Rewind>(b.decide().intent).checkpoint_source);
  b.cluster.members["n2"].patroni_version = "1.5.6";
  EXPECT_TRUE(std::get<intent::Rewind>(b.decide().intent).checkpoint_source);
  b.cluster.members["n2"].patroni_version = "";
  EXPECT_TRUE(std::get<intent::Rewind>(b.decide().intent).checkpoint_source);
}

TEST(Rejoining, nothing_is_checked_where_nothing_could_be_done) {
  ViewBuilder b = ViewBuilder().as_replica();
  b.settings.postgresql.use_pg_rewind = false;
  b.cluster.members["n2"].timeline = {2};
  EXPECT_FALSE(b.decide().needs.any());
}

TEST(Rejoining, data_is_not_removed_for_a_cluster_whose_identity_is_unknown) {
  ViewBuilder b = ViewBuilder().as_replica().divergence(postgres::Divergence::diverged).linearizable();
  b.settings.postgresql.use_pg_rewind = false;
  b.settings.postgresql.remove_data_directory_on_diverged_timelines = true;
  b.view.memory.rejoin.rewind = RewindState::check;
  ASSERT_TRUE(intends<intent::Clone>(b.decide()));
  b.cluster.initialize = {.version = dcs::Version("2"), .present = true};
  EXPECT_FALSE(intends<intent::Clone>(b.decide()));
}

TEST(Rejoining, nothing_is_rewound_towards_a_leader_that_is_no_primary_yet) {
  ViewBuilder b = ViewBuilder().as_replica();
  b.view.memory.rejoin.rewind = RewindState::need;
  ASSERT_TRUE(intends<intent::Rewind>(b.decide()));
  b.cluster.members["n2"].role = "replica";
  const Decision d = b.decide();
  EXPECT_FALSE(intends<intent::Rewind>(d));
  EXPECT_EQ(d.reason.code, Code::waiting_for_checkpoint);
}

TEST(Rejoining, a_failed_rewind_is_tried_again_after_a_pause) {
  ViewBuilder b = ViewBuilder().as_replica().ended(OperationKind::rewind, false, "died");
  b.view.memory.results_seen = b.view.last_operation->serial;
  b.view.memory.rejoin.rewind = RewindState::need;
  EXPECT_EQ(b.decide().reason.code, Code::waiting_before_retry);
  b.view.last_operation->ended = b.view.now - 6s;
  EXPECT_TRUE(intends<intent::Rewind>(b.decide()));
}

TEST(Rejoining, nobody_is_compared_with_itself) {
  ViewBuilder b = ViewBuilder().as_replica().leader("n1").no_lease().down("shut down in recovery");
  b.view.lock = Lock::foreign_session;
  b.view.memory.rejoin.rewind = RewindState::check;
  EXPECT_FALSE(b.decide().needs.divergence.has_value());
}

// ---- who is on a timeline that its leader never had, and who only seems to be (policy/timelines) ----------

TEST(Astray, a_standby_that_stays_on_a_timeline_its_leader_never_had_is_astray) {
  ViewBuilder b = ViewBuilder().as_replica();
  b.view.postgres.facts.probe->effective_timeline = {2};
  b.view.postgres.facts.probe->receiver_state.clear();
  Decision d = b.decide();
  EXPECT_EQ(d.memory.standings.beyond_leader_since, b.view.now);
  EXPECT_FALSE(d.memory.standings.diverged) << "the leader may be about to tell its new timeline";
  b.view.memory = d.memory;
  b.view.memory.standings.beyond_leader_since = b.view.now - 10s;
  d = b.decide();
  EXPECT_TRUE(d.memory.standings.diverged);
  b.view.memory = d.memory;
  b.unlocked().linearizable().peer_unreachable("n2").peer_unreachable("n3");
  EXPECT_FALSE(intends<intent::Acquire>(b.decide())) << "nor when that leader is gone";
  b.leader("n2");
  b.cluster.members["n2"].timeline = {2};
  EXPECT_FALSE(b.decide().memory.standings.diverged);
}

/// n1, on timeline 2, and n2, which leads and tells that it is on timeline 1.
ViewBuilder beyond_its_leader(bool streams) {
  ViewBuilder b = ViewBuilder().as_replica();
  b.view.postgres.facts.probe->effective_timeline = {2};
  if (!streams) b.view.postgres.facts.probe->receiver_state.clear();
  return b;
}

/// Ten seconds later, and once more when nobody leads.
bool races_later(ViewBuilder b) {
  b.view.memory = b.decide().memory;
  b.view.now += 10s;
  b.view.lease = {};
  b.view.postgres.facts.probe->asked_at = b.view.now;
  b.view.postgres.facts.probe->receiver_state.clear();
  b.view.memory = b.decide().memory;
  b.view.now += 10s;
  b.view.postgres.facts.probe->asked_at = b.view.now;
  b.view.memory = b.decide().memory;
  b.unlocked().linearizable().peer_unreachable("n2").peer_unreachable("n3");
  return intends<intent::Acquire>(b.decide());
}

TEST(Astray, who_has_streamed_its_timeline_from_the_leader_is_not_astray_whatever_the_member_key_says) {
  EXPECT_TRUE(races_later(beyond_its_leader(true))) << "the leader died before it told its new timeline";
  EXPECT_FALSE(races_later(beyond_its_leader(false)));
}

TEST(Astray, who_streams_from_another_than_the_leader_may_be_astray) {
  ViewBuilder b = beyond_its_leader(true);
  b.view.postgres.recovery_difference = postgres::RecoveryDifference::reload;
  EXPECT_FALSE(races_later(b)) << "from the one before";
  b = beyond_its_leader(true);
  b.member("n3").settings.tags.replicatefrom = "n3";
  EXPECT_FALSE(races_later(b)) << "who may have been promoted by hand";
}

TEST(Astray, streaming_mends_a_member_that_was_taken_for_astray) {
  ViewBuilder b = beyond_its_leader(true);
  b.view.memory.standings.astray = true;
  EXPECT_FALSE(b.decide().memory.standings.diverged);
}

TEST(Astray, what_was_streamed_from_one_leader_says_nothing_of_the_next) {
  ViewBuilder b = beyond_its_leader(true);
  b.view.memory = b.decide().memory;
  EXPECT_EQ(b.view.memory.standings.shared, Timeline{2});
  b.leader("n3").member("n3", "primary");
  b.view.postgres.facts.probe->receiver_state.clear();
  const Memory next = b.decide().memory;
  EXPECT_EQ(next.standings.shared, Timeline{});
  EXPECT_EQ(next.standings.beyond_leader_since, b.view.now);
  // Nor where the first comes back.
  b.view.memory = next;
  b.leader("n2").member("n2", "primary");
  EXPECT_EQ(b.decide().memory.standings.beyond_leader_since, b.view.now);
}

TEST(Astray, a_comparison_that_finds_no_difference_mends_it_too) {
  ViewBuilder b = beyond_its_leader(false);
  b.view.memory.standings.astray = true;
  b.view.memory.rejoin.rewind = RewindState::check;
  b.divergence(postgres::Divergence::none);
  b.view.answers.divergence->local_timeline = {2};
  const Memory m = b.decide().memory;
  EXPECT_FALSE(m.standings.diverged);
  EXPECT_EQ(m.standings.shared_with, "n2");
}

TEST(Rejoining, what_may_be_removed_after_a_failed_rewind_is_not_removed_without_one) {
  ViewBuilder b = ViewBuilder().as_replica().down("shut down").linearizable();
  b.view.memory.rejoin.rewind = RewindState::need;
  b.view.postgres.facts.rewind_works = false;
  b.settings.postgresql.remove_data_directory_on_rewind_failure = true;
  EXPECT_FALSE(intends<intent::Clone>(b.decide()));
}

TEST(Rejoining, without_checksums_and_hints_nothing_is_rewound) {
  ViewBuilder b = ViewBuilder().as_replica().down("shut down").linearizable();
  b.view.memory.rejoin.rewind = RewindState::need;
  ASSERT_TRUE(intends<intent::Rewind>(b.decide()));
  b.view.postgres.facts.control->data_checksums = false;
  EXPECT_FALSE(intends<intent::Rewind>(b.decide()));
  b.view.postgres.facts.control->wal_log_hints = true;
  EXPECT_TRUE(intends<intent::Rewind>(b.decide()));
}

}  // namespace
}  // namespace tanist::ha
