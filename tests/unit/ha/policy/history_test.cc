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

}  // namespace
}  // namespace tanist::ha
