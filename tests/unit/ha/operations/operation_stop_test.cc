#include "unit/ha/operations/operation_fixture.h"

/// Stops that end otherwise than well.
namespace tanist::ha::operation_test {
namespace {

TEST_F(RunningOperations, a_demotion_that_nobody_tells_to_go_on_stops_nothing) {
  lead();
  begin(OperationKind::demote, operations::demote(runner, DemoteMode::graceful, true));
  finish();
  EXPECT_FALSE(result().ok());
  EXPECT_EQ(host.ends_of_writes, 0);
  EXPECT_EQ(server.state.process, postgres::Process::running);
  EXPECT_TRUE(server.stops.empty());
}

TEST_F(RunningOperations, a_demotion_without_a_lease_deletes_nobody_s_key) {
  begin(OperationKind::demote, operations::demote(runner, DemoteMode::immediate, false));
  finish();
  EXPECT_TRUE(result().ok());
  EXPECT_FALSE(host.released_at);
}

TEST_F(RunningOperations, a_server_that_cannot_be_killed_was_not_stopped) {
  lead();
  server.immediate.reset();
  server.unkillable = true;
  begin(OperationKind::demote, operations::demote(runner, DemoteMode::immediate, false));
  finish();
  EXPECT_FALSE(result().ok());
  EXPECT_EQ(host.state_, postgres::State::stop_failed);
  EXPECT_FALSE(host.released_at) << "what runs may still commit";
}

TEST_F(RunningOperations, after_a_stop_nothing_is_primary_and_no_fence_is_armed) {
  lead();
  scope.spawn("arm", armed());
  clock.settle();
  ASSERT_TRUE(fence.armed());
  begin(OperationKind::shutdown, operations::shutdown(runner, false));
  finish();
  ASSERT_TRUE(result().ok());
  EXPECT_EQ(host.role(), Role::demoted);
  EXPECT_FALSE(fence.armed());
}

TEST_F(RunningOperations, a_standby_that_stops_leaves_the_synchronous_ones_first) {
  synchronous(30s);
  server.state.accepting = postgres::Accepting::accepting;
  begin(OperationKind::shutdown, operations::shutdown(runner, false));
  finish();
  EXPECT_EQ(host.leavings_of_sync, 1);
}

TEST_F(RunningOperations, one_that_somebody_has_started_meanwhile_is_another_and_keeps_the_key) {
  for (const bool safe : {false, true}) {
    lead();
    server.state.postmaster_pid = 100;
    server.start_another(100);
    server.shuts_down_cleanly = safe;
    server.stops.clear();
    host.role_ = Role::primary;
    begin(OperationKind::demote, operations::demote(runner, DemoteMode::graceful, false));
    clock.advance(500ms);
    server.start_another(200);
    EXPECT_LE(finish(), 30s) << "the other one does not end";
    EXPECT_FALSE(result().ok());
    EXPECT_EQ(result().detail, "another PostgreSQL was started meanwhile, as process 200");
    EXPECT_FALSE(host.released_at) << "it may commit";
    EXPECT_EQ(host.role(), Role::primary);
    EXPECT_EQ(server.stops, std::vector<StopMode>{StopMode::fast});
    EXPECT_EQ(server.kills, 0);
  }
}

}  // namespace
}  // namespace tanist::ha::operation_test
