#include <gtest/gtest.h>

#include <set>

#include "async/task_scope.h"
#include "postgres.h"
#include "process.h"
#include "store.h"

/// The models themselves: what they promise to the runs that rest on them.
namespace tanist::sim {
namespace {

using namespace std::chrono_literals;

Task<void> record_sleeps(Process& process, std::vector<Duration>& at) {
  const Instant begin = process.now();
  for (int i = 0; i < 3; ++i) {
    co_await process.sleep_for(1s);
    at.push_back(process.now() - begin);
  }
}

TEST(SimWorld, a_sleep_takes_virtual_time_only) {
  World world(1);
  auto process = std::make_shared<Process>(world, HostClock{5h, 400'000}, "p");
  TaskScope scope(process->executor());
  std::vector<Duration> at;
  scope.spawn("sleeps", record_sleeps(*process, at));
  world.run_for(10s);
  ASSERT_EQ(at.size(), 3u);
  EXPECT_GE(at[2], 3s);
  EXPECT_LT(at[2], 3s + 1us);
  process->kill();
}

TEST(SimWorld, a_stopped_process_does_not_run_while_time_goes_on) {
  World world(1);
  auto process = std::make_shared<Process>(world, HostClock{}, "p");
  TaskScope scope(process->executor());
  std::vector<Duration> at;
  scope.spawn("sleeps", record_sleeps(*process, at));
  world.run_for(500ms);
  process->stop();
  world.run_for(5s);
  EXPECT_TRUE(at.empty());
  process->cont();
  world.run_for(1ms);
  ASSERT_EQ(at.size(), 1u);
  EXPECT_GE(at[0], 5s);
  process->kill();
}

TEST(SimWorld, a_killed_process_never_runs_again) {
  World world(1);
  auto process = std::make_shared<Process>(world, HostClock{}, "p");
  auto scope = std::make_unique<TaskScope>(process->executor());
  std::vector<Duration> at;
  scope->spawn("sleeps", record_sleeps(*process, at));
  world.run_for(1500ms);
  process->kill();
  scope.reset();
  process.reset();
  world.run_for(10s);
  EXPECT_EQ(at.size(), 1u);
}

struct Servers {
  World world{7};
  Wal wal;
  std::map<std::string, Postgres*> by_address;
  PostgresDirectory directory = [this](const std::string& address) -> Postgres* {
    auto found = by_address.find(address);
    return found == by_address.end() ? nullptr : found->second;
  };
  Postgres a{world, wal, 1, "a", directory};
  Postgres b{world, wal, 2, "b", directory};
  Servers() { by_address = {{"a", &a}, {"b", &b}}; }
  void replicate() {
    a.initdb();
    a.start(false, std::nullopt);
    world.run_for(1s);
    b.finish_copy(a);
    b.start(true, postgres::Upstream{"a", "a", 5432, ""});
    world.run_for(5s);
  }
};

TEST(SimPostgres, a_standby_streams_and_takes_over_without_loss_after_a_fast_stop) {
  Servers s;
  s.replicate();
  ASSERT_TRUE(s.a.can_commit());
  ASSERT_TRUE(s.b.streaming());
  ASSERT_GT(s.wal.acknowledged().size(), 10u);
  s.a.stop(false);
  s.world.run_for(2s);
  EXPECT_EQ(s.a.process(), postgres::Process::none);
  EXPECT_EQ(s.a.disk().control_state, "shut down");
  EXPECT_TRUE(s.wal.contains(s.b.disk().end, s.a.disk().end));
  s.b.promote();
  s.world.run_for(1s);
  EXPECT_TRUE(s.b.can_commit());
  EXPECT_EQ(s.b.timeline().value, 2u);
  for (const auto& commit : s.wal.acknowledged()) EXPECT_TRUE(s.wal.contains(s.b.disk().end, commit.at));
}

TEST(SimPostgres, two_promotions_of_the_same_timeline_number_diverge) {
  Servers s;
  s.replicate();
  s.world.partition(1, 2, true);
  s.world.run_for(3s);
  s.b.promote();
  s.world.run_for(3s);
  EXPECT_TRUE(s.a.can_commit());
  EXPECT_TRUE(s.b.can_commit());
  EXPECT_FALSE(s.a.ancestry_of(s.b));
  EXPECT_FALSE(s.b.ancestry_of(s.a));
  EXPECT_LT(s.wal.common(s.a.disk().end, s.b.disk().end).lsn, s.a.disk().end.lsn);
}

TEST(SimPostgres, orphans_of_a_killed_postmaster_may_commit_until_they_are_gone) {
  Servers s;
  s.replicate();
  s.a.crash_postmaster();
  EXPECT_EQ(s.a.process(), postgres::Process::orphans);
  EXPECT_TRUE(s.a.can_commit());
  s.world.run_for(3s);
  EXPECT_EQ(s.a.process(), postgres::Process::none);
  EXPECT_FALSE(s.a.can_commit());
  EXPECT_EQ(s.a.disk().control_state, "in production");
}

TEST(SimPostgres, a_frozen_server_answers_nothing_and_can_be_killed) {
  Servers s;
  s.replicate();
  s.a.freeze(true);
  const auto commits = s.wal.acknowledged().size();
  s.world.run_for(2s);
  EXPECT_EQ(s.wal.acknowledged().size(), commits);
  EXPECT_FALSE(s.a.answers());
  EXPECT_TRUE(s.a.can_commit());
  s.a.kill_everything();
  s.world.run_for(1s);
  EXPECT_FALSE(s.a.can_commit());
}

TEST(SimPostgres, a_server_stopped_while_it_was_frozen_in_its_start_lets_nobody_in) {
  Servers s;
  s.replicate();
  s.a.stop(false);
  s.world.run_for(2s);
  ASSERT_EQ(s.a.process(), postgres::Process::none);
  s.a.start(false, std::nullopt);
  s.a.freeze(true);
  s.world.run_for(60s);
  s.a.stop(false);
  s.a.freeze(false);
  EXPECT_FALSE(s.a.can_commit());
  s.world.run_for(2s);
  EXPECT_EQ(s.a.process(), postgres::Process::none);
  EXPECT_FALSE(s.a.can_commit());
  EXPECT_EQ(s.a.disk().control_state, "shut down");
}

TEST(SimPostgres, a_promotion_that_was_taken_up_looks_like_a_standby_that_streams_no_more) {
  Servers s;
  s.replicate();
  s.b.timing.slow_promotions = 1;
  s.b.timing.promote_max = s.b.timing.slow_promotion_max = 20s;
  ASSERT_TRUE(s.b.promote());
  s.world.run_for(10s);
  EXPECT_TRUE(s.b.in_recovery());
  EXPECT_TRUE(s.b.disk().standby_signal);
  EXPECT_FALSE(s.b.streaming());
  s.world.run_for(11s);
  EXPECT_TRUE(s.b.can_commit());
}

TEST(SimPostgres, a_failing_promotion_is_refused_or_ends_the_server) {
  for (int i = 0; i < 10; ++i) {
    Servers s;
    s.replicate();
    s.world.run_for(100ms * i);
    s.b.failing_promotions = 1;
    const bool begun = s.b.promote();
    s.world.run_for(1s);
    EXPECT_FALSE(s.b.can_commit());
    EXPECT_EQ(s.b.process() == postgres::Process::none, begun);
  }
}

TEST(SimPostgres, a_server_that_lost_its_backends_refuses_connections_while_its_postmaster_lives) {
  Servers s;
  s.replicate();
  const auto pid = s.a.postmaster_pid();
  s.a.crash_backends(30s);
  s.world.run_for(10s);
  EXPECT_EQ(s.a.process(), postgres::Process::running);
  EXPECT_EQ(s.a.accepting(), postgres::Accepting::rejecting);
  EXPECT_FALSE(s.a.can_commit());
  EXPECT_FALSE(s.b.streaming());
  s.world.run_for(30s);
  EXPECT_EQ(s.a.postmaster_pid(), pid);
  EXPECT_TRUE(s.a.can_commit());
  EXPECT_TRUE(s.b.streaming());
}

TEST(SimStoreServer, a_proof_may_be_worth_a_part_of_the_ttl) {
  std::set<Duration> ends;
  for (std::uint64_t seed = 1; seed < 20; ++seed) {
    World world(seed);
    StoreServer store(world, 0, "store 1", *store_model("consul"));
    const auto session = store.grant(10s);
    EXPECT_EQ(store.acquire("n1", session, {}, {}).valid_for, 5s);
    EXPECT_EQ(store.renew("n1", session, {session}, std::nullopt).valid_for, 5s);
    world.run_for(20s, [&] { return !store.snapshot()->leader; });
    ends.insert(world.now());
  }
  EXPECT_GE(*ends.begin(), 5s);
  EXPECT_LT(*ends.begin(), 6s);
  EXPECT_LE(*ends.rbegin(), 10s);
  EXPECT_GT(*ends.rbegin(), 9s);
}

TEST(SimStoreServer, what_counts_for_itself_begins_anew_after_it_was_deleted) {
  World world(1);
  StoreServer store(world, 0, "store 1", *store_model("zookeeper"));
  const auto session = store.grant(10s);
  ASSERT_TRUE(store.touch_member("n1", session, Document::map()).ok);
  EXPECT_EQ(store.touch_member("n1", session, Document::map()).version, dcs::Version("1"));
  EXPECT_EQ(store.touch_member("n2", session, Document::map()).version, dcs::Version("0"));
  ASSERT_TRUE(store.remove_member("n1").ok);
  EXPECT_EQ(store.touch_member("n1", session, Document::map()).version, dcs::Version("0"));
}

TEST(SimStoreServer, a_lease_that_is_not_kept_takes_its_keys_with_it) {
  World world(1);
  StoreServer store(world, 0);
  const auto session = store.grant(10s);
  ASSERT_TRUE(store.acquire("n1", session, {}, {}).ok);
  world.run_for(9s);
  ASSERT_TRUE(store.renew("n1", session, {session}, std::nullopt).ok);
  world.run_for(9s);
  EXPECT_TRUE(store.snapshot()->leader);
  world.run_for(2s);
  EXPECT_FALSE(store.snapshot()->leader);
  EXPECT_TRUE(store.renew("n1", session, {session}, std::nullopt).lost);
}

}  // namespace
}  // namespace tanist::sim
