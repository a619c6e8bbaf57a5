#include "unit/ha/engine/engine_fixture.h"

/// What comes between a decision and its deed, or beside it.
namespace tanist::ha::engine_test {
namespace {

TEST_F(engine, a_key_of_my_name_under_another_session_is_not_mine) {
  store.lead(kMe, "2");
  server.run_standby();
  start();
  clock.advance(1s);
  ASSERT_FALSE(views.empty());
  EXPECT_EQ(views.back().lock, Lock::foreign_session);
}

/// Between a decision and its deed somebody promotes the server by hand.
TEST_F(engine, no_key_is_released_beside_what_writes_by_then) {
  store.lead(kMe, kMySession);
  server.run_standby();
  server.die();
  server.state.data_directory = postgres::DataDirectory::foreign;
  bool decided = false;
  on_decision = [&](const Decision& decision) {
    if (decided || !std::holds_alternative<intent::Release>(decision.intent)) return;
    decided = true;
    server.run_primary();
  };
  start();
  clock.advance(1s);
  ASSERT_TRUE(decided);
  EXPECT_EQ(store.releases, 0);
}

TEST_F(engine, no_key_is_deleted_beside_a_renewal) {
  settings->dynamic.pause = true;
  store.lead(kMe, kMySession);
  server.run_primary();
  start();
  clock.advance(5s);
  store.delay = 8s;
  std::optional<int> renewing;
  store.releasing = [&] {
    if (!renewing) renewing = store.renewals_under_way;
  };
  clock.advance(6s);
  ASSERT_EQ(store.renewals_under_way, 1);
  server.die();
  store.listener({.leader_changed = false, .wakes = true});
  clock.advance(10s);
  ASSERT_GE(store.releases, 1);
  EXPECT_EQ(renewing, 0);
}

TEST_F(engine, a_stop_does_not_wait_for_the_member_key) {
  store.touch_takes = 10s;
  server.run_primary();
  server.state.data_directory = postgres::DataDirectory::foreign;
  start();
  clock.advance(500ms);
  ASSERT_FALSE(decisions.empty());
  EXPECT_FALSE(server.stops.empty());
}

TEST_F(engine, who_races_compares_what_it_has_now) {
  server.run_standby();
  store.cluster.members["n2"] = dcs::Member{
      .name = "n2", .conn_url = "postgres://n2:5432/postgres", .api_url = "http://n2:8008/patroni"};
  bool asked = false;
  int looks = 0;
  on_decision = [&](const Decision&) {
    if (!asked) looks = server.fresh_looks;
    asked = true;
  };
  start();
  clock.advance(100ms);
  ASSERT_TRUE(asked);
  EXPECT_GE(looks, 2) << "at the start, and again after the peers have answered";
}

TEST_F(engine, a_shutdown_in_pause_leaves_its_primary_alone) {
  settings->dynamic.pause = true;
  store.lead(kMe, kMySession);
  server.run_primary();
  start();
  clock.advance(5s);
  shut_down();
  EXPECT_EQ(code, 0);
  EXPECT_TRUE(server.stops.empty());
  EXPECT_EQ(server.kills, 0);
}

TEST_F(engine, a_shutdown_in_pause_leaves_what_was_found_alone_while_the_store_is_away) {
  disk.files["/data/patroni.dynamic.json"] = R"({"pause": true})";
  store.reads_lost = 1000;
  server.run_primary();
  start();
  clock.advance(500ms);
  shut_down();
  EXPECT_EQ(code, 0);
  EXPECT_TRUE(server.stops.empty());
  EXPECT_EQ(server.kills, 0);
}

/// A backend of what was told to promote itself may be writable.
TEST_F(engine, what_is_left_of_a_promotion_is_killed_when_the_lease_ends) {
  server.run_standby();
  server.state.postmaster_pid = 77;
  server.promotion_takes = 10min;
  start();
  clock.advance(100ms);
  ASSERT_EQ(server.promotions, 1);
  server.state.process = postgres::Process::orphans;
  server.state.postmaster_pid = 0;
  store.outcome = dcs::RenewOutcome::unproven;
  clock.advance(31s);
  EXPECT_GE(server.kills, 1);
  server.promotion_takes = {};
}

}  // namespace
}  // namespace tanist::ha::engine_test
