#include "member/fences.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>

#include "contract/run_task.h"
#include "unit/ha/fakes.h"

namespace tanist::member {
namespace {

struct FencesTest : testing::Test {
  bool arm() { return tanist::test::run(io, fences.arm(Instant{})); }
  boost::asio::io_context io;
  test::FakeFence guardian;
  test::FakeFence watchdog;
  test::FakeFence commits;
  Fences fences{guardian, watchdog, commits};
};

TEST_F(FencesTest, are_armed_together) {
  EXPECT_TRUE(arm());
  EXPECT_TRUE(fences.armed() && guardian.armed() && watchdog.armed() && commits.armed());
  tanist::test::run(io, fences.disarm("not a leader"));
  EXPECT_FALSE(guardian.armed() || watchdog.armed() || commits.armed());
  EXPECT_FALSE(fences.holds());
}

TEST_F(FencesTest, one_that_cannot_be_leaves_no_other_armed_that_nobody_would_disarm) {
  watchdog.arms = false;
  EXPECT_FALSE(arm());
  EXPECT_FALSE(fences.armed());
  EXPECT_FALSE(guardian.armed());
}

TEST_F(FencesTest, what_guards_a_primary_already_stays_armed_where_another_drops_out) {
  EXPECT_TRUE(arm());
  tanist::test::run(io, watchdog.disarm("it broke"));
  watchdog.arms = false;
  EXPECT_FALSE(arm());
  EXPECT_TRUE(guardian.armed());
  EXPECT_FALSE(fences.armed());
  EXPECT_TRUE(fences.holds()) << "what is armed is disarmed once nothing may be";
}

}  // namespace
}  // namespace tanist::member
