#include "ctl/commands/flush.h"

#include "unit/ctl/commands/command_test.h"

namespace tanist::ctl {
namespace {

using test::kPga;
using test::kPgb;

class FlushCommandTest : public test::CommandTest {
 protected:
  std::string restart() {
    return ended([&] { return run_flush_restart(command, store, api, terminal); });
  }
  std::string switchover() {
    return ended([&] { return run_flush_switchover("shop", store, api, terminal); });
  }
  void plan_switchover() {
    store.cluster.failover.version = dcs::Version("9");
    store.cluster.failover.leader = "pga";
    store.cluster.failover.scheduled_at = WallTime{};
  }
  FlushCommand command{.cluster = "shop"};
};

TEST_F(FlushCommandTest, restarts_of_those_that_have_one) {
  store.cluster.members["pgb"].raw.set("scheduled_restart", Document::map({{"schedule", "x"}}));
  api.answers = {{kPgb, {200, "scheduled restart deleted"}}};
  answers("y\n");
  EXPECT_EQ(restart(), "");
  EXPECT_EQ(dialogue(),
            "<table>\n"
            "Are you sure you want to flush members pga, pgb? [y/N]: "
            "No scheduled restart for member pga\n"
            "Success: flush scheduled restart for member pgb\n");
  EXPECT_EQ(api.asked, std::vector{"DELETE " + std::string(kPgb) + " restart"});
  api.answers = {{kPgb, {404, "no restarts are scheduled"}}};
  command.force = true;
  EXPECT_EQ(restart(), "");
  EXPECT_TRUE(said().ends_with(
      "Failed: flush scheduled restart for member pgb, status code=404, (no restarts are scheduled)\n"));
  command.force = false;
  answers("\n");
  EXPECT_EQ(restart(), "Aborted flush");
}

TEST_F(FlushCommandTest, a_switchover_by_the_first_member_that_knows) {
  EXPECT_EQ(switchover(), "");
  EXPECT_EQ(all_said(), "No pending scheduled switchover\n");
  plan_switchover();
  api.answers = {{kPga, {409, "page"}}, {kPgb, {200, "scheduled switchover deleted"}}};
  EXPECT_EQ(switchover(), "");
  EXPECT_EQ(all_said(),
            "Failed: member=pga, status_code=409, (page)\n"
            "Success: scheduled switchover deleted\n");
  api.answers = {{kPga, {404, "no switchover is scheduled"}}};
  EXPECT_EQ(switchover(), "");
  EXPECT_EQ(all_said(), "Failed: no switchover is scheduled\n");
  EXPECT_FALSE(store.written_failover);
}

TEST_F(FlushCommandTest, a_switchover_in_the_store_where_no_member_can_be_reached) {
  plan_switchover();
  EXPECT_EQ(switchover(), "");
  EXPECT_TRUE(all_said().ends_with(" Could not find any accessible member of cluster shop\n")) << all_said();
  EXPECT_TRUE(warned("WARNING - connection refused\n"));
  EXPECT_TRUE(warned("WARNING - Member pga is not accessible\n"));
  EXPECT_TRUE(warned("WARNING - Failing over to DCS\n"));
  ASSERT_TRUE(store.written_failover);
  EXPECT_TRUE(store.written_failover->leader.empty() && !store.written_failover->scheduled_at);
  store.before_write = [&] { store.cluster.failover.version = dcs::Version("10"); };
  EXPECT_TRUE(switchover().starts_with("could not take back the scheduled switchover: the store refused it"));
}

}  // namespace
}  // namespace tanist::ctl
