#include "unit/ha/engine/engine_fixture.h"

#include <algorithm>
#include <set>
#include <string>

/// What is asked of the store, and when, and what others see meanwhile.
namespace tanist::ha::engine_test {
namespace {

TEST_F(engine, adopts_its_primary_with_the_key_it_holds) {
  store.lead(kMe, kMySession);
  server.run_primary();
  start();
  clock.advance(30s);
  EXPECT_EQ(role_at_first, Role::primary);
  EXPECT_EQ(decisions.back().reason.code, Code::no_action_leader);
  EXPECT_TRUE(server.stops.empty());
}

TEST_F(engine, a_stopped_server_was_no_primary_to_go_on_with) {
  start();
  EXPECT_EQ(role_at_first, Role::demoted);
}

TEST_F(engine, a_stopped_standby_was_a_replica) {
  server.state.standby_signal = true;
  start();
  EXPECT_EQ(role_at_first, Role::replica);
}

TEST_F(engine, a_directory_without_a_control_file_is_uninitialized) {
  server.state.control.reset();
  start();
  EXPECT_EQ(role_at_first, Role::uninitialized);
}

TEST_F(engine, a_server_that_does_not_answer_is_told_by_its_signal_file) {
  server.run_standby();
  server.state.probe.reset();
  server.state.accepting = postgres::Accepting::rejecting;
  start();
  EXPECT_EQ(role_at_first, Role::replica);
}

/// What its directory looks like.
struct engine_of_a_silent_primary : engine, ::testing::WithParamInterface<postgres::DataDirectory> {};

TEST_P(engine_of_a_silent_primary, keeps_its_key_where_nothing_tells_whose_directory_it_is) {
  store.lead(kMe, kMySession);
  server.run_primary();
  server.state.probe.reset();
  server.state.control.reset();
  server.state.system_identifier.clear();
  server.state.data_directory = GetParam();
  server.state.accepting = postgres::Accepting::no_response;
  start();
  clock.advance(5s);
  EXPECT_EQ(role_at_first, Role::primary);
  clock.advance(60s);
  EXPECT_EQ(store.releases, 0) << "it may commit as soon as it runs on";
}

INSTANTIATE_TEST_SUITE_P(Looks, engine_of_a_silent_primary,
                         ::testing::Values(postgres::DataDirectory::ok, postgres::DataDirectory::foreign));

/// The answer to an acquire was lost, and the read that would tell is lost too.
TEST_F(engine, an_unknown_outcome_is_known_for_what_it_is_until_a_fresh_view_tells) {
  server.run_standby();
  store.acquire_outcome = dcs::Outcome::unknown;
  store.acquires = 0;
  start();
  clock.advance(50ms);
  ASSERT_GE(store.acquires, 1);
  views.clear();
  store.acquire_outcome = dcs::Outcome::unavailable;
  store.reads_lost = 1;
  store.reads.clear();
  clock.advance(10s);
  ASSERT_FALSE(views.empty());
  EXPECT_TRUE(views.front().store.lock_unknown);
  ASSERT_GE(store.reads.size(), 2U);
  EXPECT_EQ(store.reads[0], dcs::Read::linearizable);
  EXPECT_EQ(store.reads[1], dcs::Read::linearizable) << "the first was lost";
  EXPECT_FALSE(views.back().store.lock_unknown);
}

TEST_F(engine, a_lost_acquire_that_was_never_sent_leaves_nothing_unknown) {
  server.run_standby();
  store.acquire_outcome = dcs::Outcome::unavailable;
  start();
  clock.advance(1s);
  ASSERT_GE(store.acquires, 1);
  EXPECT_FALSE(views.back().store.lock_unknown);
}

TEST_F(engine, draws_another_name_for_the_next_timeline_with_each_request_for_the_key) {
  server.run_standby();
  store.acquire_outcome = dcs::Outcome::unavailable;
  start();
  clock.advance(60s);
  ASSERT_GE(store.led_from.size(), 2U);
  std::set<std::string> names;
  for (const auto& from : store.led_from) names.insert(from.next);
  EXPECT_EQ(names.size(), store.led_from.size());
  EXPECT_FALSE(names.contains(""));
}

/// A key that hangs on my session although I cannot prove a lease.
TEST_F(engine, a_session_is_not_kept_alive_blindly_under_a_key_that_may_be_mine) {
  store.lead(kMe, kMySession);
  store.outcome = dcs::RenewOutcome::unproven;
  server.run_standby();
  start();
  store.reads.clear();
  store.sessions_kept = 0;
  clock.advance(45s);
  EXPECT_EQ(store.sessions_kept, 0);
  ASSERT_FALSE(store.reads.empty());
  for (const auto how : store.reads) EXPECT_EQ(how, dcs::Read::linearizable);
}

TEST_F(engine, the_session_of_a_replica_is_kept_alive_each_loop_wait) {
  store.lead("n2", "2");
  server.run_standby();
  start();
  store.sessions_kept = 0;
  clock.advance(60s);
  EXPECT_GE(store.sessions_kept, 5);
  EXPECT_LE(store.sessions_kept, 7);
}

TEST_F(engine, the_role_is_given_up_before_the_key_is) {
  settings->dynamic.pause = true;
  store.lead(kMe, kMySession);
  server.run_primary();
  start();
  clock.advance(5s);
  ASSERT_EQ(role(), Role::primary);
  std::optional<Role> told;
  store.releasing = [&] {
    if (!told) told = role();
  };
  server.die();
  clock.advance(15s);
  ASSERT_EQ(store.releases, 1);
  EXPECT_EQ(told, Role::demoted);
}

/// The word is still `replica`, and the last answer still `in recovery`: the signal was sent all the same.
TEST_F(engine, what_is_being_promoted_is_stopped_when_the_lease_ends) {
  server.run_standby();
  server.promotion_takes = 10min;
  start();
  clock.advance(100ms);
  ASSERT_EQ(server.promotions, 1);
  ASSERT_EQ(role(), Role::replica);
  store.outcome = dcs::RenewOutcome::unproven;
  clock.advance(29s);
  EXPECT_FALSE(server.stops.empty()) << "it may become writable any moment";
  server.promotion_takes = {};
}

TEST_F(engine, a_standby_may_have_been_told_to_promote_itself_where_no_note_can_be_read) {
  disk.unreadable = true;
  server.run_standby();
  store.lead("n2", "2");
  start();
  clock.advance(10s);
  EXPECT_FALSE(server.stops.empty());
}

TEST_F(engine, a_standby_that_nobody_told_to_promote_itself_is_left_alone) {
  server.run_standby();
  store.lead("n2", "2");
  start();
  clock.advance(10s);
  EXPECT_TRUE(server.stops.empty());
  EXPECT_EQ(server.kills, 0);
}

TEST_F(engine, a_promotion_is_noted_on_a_disk_that_fails_for_a_while) {
  disk.appends_to_fail = 4;
  server.run_standby();
  server.promotion_takes = 10min;
  start();
  clock.advance(100ms);
  EXPECT_EQ(server.promotions, 1);
  ASSERT_EQ(disk.appended.size(), 1u);
  EXPECT_TRUE(disk.appended[0].ends_with("/promoting")) << disk.appended[0];
  server.promotion_takes = {};
}

TEST_F(engine, a_replica_is_left_alone_when_a_lease_ends) {
  settings->tags.nofailover = true;
  store.lead(kMe, kMySession);
  server.run_standby();
  settings->dynamic.pause = true;
  start();
  store.outcome = dcs::RenewOutcome::unproven;
  clock.advance(40s);
  EXPECT_TRUE(server.stops.empty());
  EXPECT_EQ(server.kills, 0);
}

TEST_F(engine, a_name_that_somebody_answers_to_ends_the_daemon) {
  peers.somebody = true;
  start();
  clock.advance(1s);
  EXPECT_EQ(code, 1);
}

TEST_F(engine, a_copy_of_the_store_from_before_the_lease_stops_nobody) {
  store.lead(kMe, kMySession);
  server.run_primary();
  start();
  clock.advance(1s);
  // The store shows none that is older than the last proof.
  store.seen = nullptr;
  store.listener({.leader_changed = true, .wakes = true});
  EXPECT_TRUE(server.stops.empty());
  auto now = std::make_shared<dcs::Cluster>(store.cluster);
  now->leader = dcs::Leader{.name = "n2", .claim = "2", .version = dcs::Version("40")};
  store.seen = now;
  store.listener({.leader_changed = true, .wakes = true});
  EXPECT_FALSE(server.stops.empty());
}

/// Keys of members wake no cycle; who asks this member for the cluster sees them all the same.
TEST_F(engine, what_the_watch_brings_is_published_at_once) {
  store.lead("n2", "2");
  server.run_standby();
  start();
  clock.advance(1s);
  const std::size_t cycles = decisions.size();
  auto now = std::make_shared<dcs::Cluster>(store.cluster);
  now->members["n2"].replay_lsn = Lsn{117};
  store.seen = now;
  store.listener({});
  clock.settle();
  EXPECT_EQ(decisions.size(), cycles);
  ASSERT_TRUE(board.get()->watched);
  EXPECT_EQ(board.get()->watched->members.at("n2").replay_lsn, Lsn{117});
  store.seen = nullptr;
  store.listener({});
  EXPECT_EQ(board.get()->watched, nullptr) << "the watch ended";
}

TEST_F(engine, cycles_are_measured) {
  store.lead("n2", "2");
  server.run_standby();
  start();
  clock.advance(30s);
  const auto& counts = board.get()->cycles.counts;
  EXPECT_EQ(std::accumulate(counts.begin(), counts.end(), std::uint64_t{0}), decisions.size());
}

TEST_F(engine, a_renewal_that_fails_is_a_store_that_is_silent) {
  store.lead(kMe, kMySession);
  server.run_primary();
  start();
  clock.advance(1s);
  ASSERT_TRUE(views.back().store.ok);
  store.outcome = dcs::RenewOutcome::unproven;
  clock.advance(15s);
  EXPECT_FALSE(views.back().store.ok);
}

TEST_F(engine, a_release_of_unknown_outcome_is_known_for_what_it_is) {
  settings->dynamic.pause = true;
  store.lead(kMe, kMySession);
  server.run_primary();
  start();
  clock.advance(5s);
  store.release_outcome = dcs::Outcome::unknown;
  store.releasing = [this] { store.reads_lost = 1; };
  views.clear();
  server.die();
  clock.advance(30s);
  ASSERT_GE(store.releases, 1);
  EXPECT_TRUE(std::ranges::any_of(views, [](const View& view) { return view.store.lock_unknown; }));
}

TEST_F(engine, without_its_fence_nothing_is_promoted) {
  server.run_standby();
  fence.arms = false;
  start();
  clock.advance(5s);
  ASSERT_GE(store.acquires, 1);
  EXPECT_EQ(server.promotions, 0);
}

TEST_F(engine, a_key_that_is_still_mine_is_proven_again_when_the_store_can) {
  settings->dynamic.pause = true;
  store.lead(kMe, kMySession);
  server.run_primary();
  start();
  clock.advance(1s);
  store.outcome = dcs::RenewOutcome::unproven;
  clock.advance(40s);
  ASSERT_FALSE(views.back().lease.held(views.back().now));
  store.outcome = dcs::RenewOutcome::proven;
  clock.advance(15s);
  EXPECT_TRUE(views.back().lease.held(views.back().now));
  EXPECT_EQ(decisions.back().reason.code, Code::no_action_leader);
}

}  // namespace
}  // namespace tanist::ha::engine_test
