#include "postgres/copies/divergence.h"

#include <gtest/gtest.h>

namespace tanist::postgres {
namespace {

using Verdict = Comparison::Verdict;
using Lines = std::vector<HistoryLine>;

HistoryLine left(std::uint32_t timeline, std::uint64_t lsn) {
  return {.parent = {timeline}, .switch_lsn = {lsn}, .reason = "no recovery target specified"};
}

WalEnd standby(std::uint32_t timeline, std::uint64_t lsn) {
  return {{timeline}, {lsn}, true};
}

WalEnd stopped_primary(std::uint32_t timeline, std::uint64_t lsn) {
  return {{timeline}, {lsn}, false};
}

Verdict compare(const WalEnd& local, const std::optional<Lines>& ours, std::uint32_t leader,
                const Lines& theirs, std::uint64_t flushed = 0) {
  return compare_wal(local, ours, {leader}, {flushed}, theirs).verdict;
}

TEST(Divergence, on_the_first_timeline_nothing_can_have_parted) {
  EXPECT_EQ(compare(standby(1, 500), Lines{}, 1, {}, 500), Verdict::none);
}

TEST(Divergence, a_newer_local_timeline_has_left_the_leader) {
  const Comparison newer = compare_wal(standby(3, 500), Lines{left(1, 100), left(2, 200)}, {2}, {}, {});
  EXPECT_EQ(newer.verdict, Verdict::diverged);
  EXPECT_EQ(newer.why, "the local timeline is newer");
}

TEST(Divergence, a_standby_up_to_the_switch_goes_on_and_one_past_it_does_not) {
  const Lines theirs{left(1, 300)};
  EXPECT_EQ(compare(standby(1, 300), Lines{}, 2, theirs), Verdict::none);
  EXPECT_EQ(compare(standby(1, 301), Lines{}, 2, theirs), Verdict::diverged);
}

TEST(Divergence, a_stopped_primary_before_the_switch_depends_on_the_end_of_its_checkpoint) {
  const Comparison before = compare_wal(stopped_primary(1, 200), Lines{}, {2}, {}, {left(1, 300)});
  EXPECT_EQ(before.verdict, Verdict::depends_on_checkpoint);
  EXPECT_EQ(before.switch_lsn.value, 300u);
  EXPECT_EQ(compare(stopped_primary(1, 300), Lines{}, 2, {left(1, 300)}), Verdict::diverged);
}

TEST(Divergence, a_timeline_that_the_leader_never_had_is_diverged) {
  // The leader's timeline 4 came from 2.
  EXPECT_EQ(compare(standby(3, 10), Lines{left(1, 100), left(2, 200)}, 4, {left(1, 100), left(2, 250)}),
            Verdict::diverged);
  EXPECT_EQ(compare(standby(3, 10), std::nullopt, 4, {left(1, 100), left(2, 250)}), Verdict::diverged);
}

TEST(Divergence, two_promotions_to_one_timeline_number_are_told_apart_by_where_they_happened) {
  EXPECT_EQ(compare(standby(2, 400), Lines{left(1, 100)}, 2, {left(1, 100)}, 400), Verdict::none);
  EXPECT_EQ(compare(standby(2, 400), Lines{left(1, 100)}, 2, {left(1, 120)}, 400), Verdict::beyond_rewind);
  EXPECT_EQ(compare(stopped_primary(2, 400), Lines{left(1, 100)}, 2, {left(1, 80)}, 400),
            Verdict::beyond_rewind);
}

TEST(Divergence, two_promotions_to_one_timeline_number_are_told_apart_by_their_parents) {
  EXPECT_EQ(compare(standby(3, 400), Lines{left(1, 100), left(2, 200)}, 3, {left(1, 200)}, 400),
            Verdict::beyond_rewind);
  EXPECT_EQ(compare(standby(3, 400), Lines{left(1, 200)}, 3, {left(1, 200), left(2, 300)}, 400),
            Verdict::beyond_rewind);
  EXPECT_EQ(compare(standby(4, 400), Lines{left(1, 100), left(2, 200)}, 4, {left(1, 100), left(3, 200)}, 400),
            Verdict::beyond_rewind);
}

TEST(Divergence, another_way_to_an_older_timeline_can_be_rewound) {
  // Both have a timeline 2, from different places; pg_rewind goes back to timeline 1.
  EXPECT_EQ(compare(standby(2, 150), Lines{left(1, 100)}, 3, {left(1, 120), left(2, 300)}),
            Verdict::diverged);
  EXPECT_EQ(compare(standby(2, 150), Lines{left(1, 100)}, 3, {left(1, 100), left(2, 300)}), Verdict::none);
}

TEST(Divergence, without_the_local_history_file_only_the_leaders_counts) {
  EXPECT_EQ(compare(standby(2, 400), std::nullopt, 2, {left(1, 120)}, 400), Verdict::none);
  EXPECT_EQ(compare(standby(2, 400), std::nullopt, 3, {left(1, 120), left(2, 300)}), Verdict::diverged);
}

TEST(Divergence, wal_behind_the_leaders_end_of_the_same_timeline_is_not_the_leaders) {
  EXPECT_EQ(compare(standby(2, 401), Lines{left(1, 100)}, 2, {left(1, 100)}, 400), Verdict::beyond_rewind);
}

ControlData control(const std::string& state) {
  ControlData data;
  data.cluster_state = state;
  data.latest_checkpoint = {0x100};
  data.checkpoint_timeline = {2};
  data.min_recovery_end = {0x200};
  data.min_recovery_timeline = {3};
  return data;
}

TEST(Divergence, a_stopped_standby_ends_where_its_recovery_did) {
  for (const char* state : {"shut down in recovery", "in archive recovery"}) {
    const auto end = end_of_stopped(control(state));
    ASSERT_TRUE(end) << state;
    EXPECT_TRUE(end->in_recovery);
    EXPECT_EQ(end->lsn.value, 0x200u);
    EXPECT_EQ(end->timeline.value, 3u);
  }
}

TEST(Divergence, a_standby_that_never_replayed_ends_at_its_checkpoint_like_a_primary) {
  ControlData data = control("shut down in recovery");
  data.min_recovery_end = {};
  const auto end = end_of_stopped(data);
  ASSERT_TRUE(end);
  EXPECT_FALSE(end->in_recovery);
  EXPECT_EQ(end->lsn.value, 0x100u);
  EXPECT_EQ(end->timeline.value, 2u);
}

TEST(Divergence, the_end_of_a_crashed_server_is_not_known) {
  for (const char* state : {"in production", "shutting down", "in crash recovery", ""})
    EXPECT_FALSE(end_of_stopped(control(state))) << state;
}

}  // namespace
}  // namespace tanist::postgres
