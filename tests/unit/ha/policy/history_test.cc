#include "ha/policy/history.h"

#include <gtest/gtest.h>

#include "unit/ha/view_builder.h"

namespace tanist::ha {
namespace {

using namespace testing;

TEST(History, timeline_one_needs_none) {
  EXPECT_FALSE(has_duty<duty::History>(ViewBuilder().as_leader().decide()));
}

TEST(History, timeline_one_empties_what_is_left_of_an_earlier_cluster) {
  ViewBuilder b;
  b.as_leader();
  b.cluster.history.lines = {{.parent = {3}, .switch_lsn = kHere}};
  const auto written = duties<duty::History>(b.decide());
  ASSERT_EQ(written.size(), 1U);
  EXPECT_EQ(written[0].timeline, Timeline{1});
}

TEST(History, a_new_timeline_is_written) {
  ViewBuilder b;
  b.as_leader();
  b.view.postgres.facts.probe->timeline = {2};
  EXPECT_TRUE(has_duty<duty::History>(b.decide()));
  b.cluster.history.lines = {{.parent = {1}, .switch_lsn = kHere, .timestamp = "t", .new_leader = "n1"}};
  EXPECT_FALSE(has_duty<duty::History>(b.decide()));
}

TEST(History, an_incomplete_last_line_is_completed) {
  ViewBuilder b;
  b.as_leader();
  b.view.postgres.facts.probe->timeline = {2};
  b.cluster.history.lines = {{.parent = {1}, .switch_lsn = kHere}};
  b.cluster.history.incomplete = true;
  EXPECT_TRUE(has_duty<duty::History>(b.decide()));
}

TEST(History, the_line_of_another_promotion_to_the_same_timeline_is_replaced) {
  ViewBuilder b;
  b.as_leader();
  b.view.postgres.facts.probe->timeline = {2};
  b.cluster.history.lines = {{.parent = {1}, .switch_lsn = kHere, .timestamp = "t", .new_leader = "n1"}};
  auto& history = b.view.postgres.facts.history;
  history = postgres::TimelineHistory{.timeline = {2}, .lines = {{.parent = {1}, .switch_lsn = kHere}}};
  EXPECT_FALSE(has_duty<duty::History>(b.decide()));
  history->lines.back().switch_lsn = Lsn{kHere.value - 1};
  EXPECT_TRUE(has_duty<duty::History>(b.decide()));
  history->timeline = {1};
  EXPECT_FALSE(has_duty<duty::History>(b.decide())) << "of the timeline before the promotion";
  b.cluster.history.lines.back().new_leader = "n2";
  EXPECT_TRUE(has_duty<duty::History>(b.decide())) << "both left at the same point";
}

}  // namespace
}  // namespace tanist::ha
