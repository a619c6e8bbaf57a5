#include <gtest/gtest.h>

#include "scenario.h"

/// Members that were promoted apart: whose timelines have the same numbers, and other WAL.
namespace tanist::sim {
namespace {

using namespace std::chrono_literals;

struct Lineages : Scenario {
  Lineages() : Scenario(two()) {}
  static Options two() {
    Options options;
    options.members = 2;
    return options;
  }

  /// `first` leads on, alone, to timeline 3. Then `second`, which has never seen that, leads from a little
  /// before, to another timeline 2, and both are off.
  void promote_apart() {
    first = &leader();
    second = &replica();
    second->lose_power();
    for (int i = 0; i < 2; ++i) {
      first->sigterm();
      until([&] { return !first->running(); }, 20s);
      first->start();
      until([&] { return cluster.primary() == first; }, 60s);
      world().run_for(2s);
    }
    ASSERT_EQ(first->postgres().timeline(), Timeline{3}) << story();
    first->lose_power();
    second->start();
    until([&] { return cluster.primary() == second; }, 60s);
    world().run_for(3s);
    ASSERT_EQ(second->postgres().timeline(), Timeline{2}) << story();
  }

  /// Nothing that the last leader acknowledged is undone by one that led before.
  void expect_the_last_leader() {
    until([&] { return cluster.primary() != nullptr; }, 60s);
    EXPECT_EQ(cluster.primary(), second) << story();
    expect_everything_of(*second);
    EXPECT_TRUE(cluster.run_until_converged(60s)) << story();
  }

  Member* first = nullptr;
  Member* second = nullptr;
};

TEST_F(Lineages, the_last_leader_leads_again_whatever_the_number_of_the_others_timeline) {
  promote_apart();
  second->lose_power();
  world().run_for(cluster.options().ttl + 1s);
  first->start();
  world().run_for(10s);
  EXPECT_FALSE(cluster.primary()) << "it lacks what the last leader acknowledged" << story();
  second->start();
  expect_the_last_leader();
}

TEST_F(Lineages, that_are_far_apart_leave_no_cluster_without_a_primary) {
  promote_apart();
  second->postgres().write(4 << 20);
  world().run_for(3s);
  second->lose_power();
  world().run_for(cluster.options().ttl + 1s);
  first->start();
  world().run_for(5s);
  second->start();
  expect_the_last_leader();
}

TEST_F(Lineages, are_told_apart_by_the_last_leader_where_the_other_cannot_see_the_store) {
  promote_apart();
  second->lose_power();
  world().run_for(cluster.options().ttl + 1s);
  first->start();
  world().run_for(5s);
  world().partition(first->host(), kStore, true);
  second->start();
  until([&] { return cluster.primary() == second; }, 60s);
  world().partition(first->host(), kStore, false);
  expect_the_last_leader();
}

TEST_F(Lineages, of_a_failover_that_gave_wal_up_lead_again_without_its_first_status) {
  first = &leader();
  second = &replica();
  world().partition(first->host(), second->host(), true);
  first->postgres().write(4 << 20);
  world().run_for(5s);
  first->lose_power();
  world().heal_network();
  world().run_for(cluster.options().ttl + 5s);
  ASSERT_FALSE(cluster.primary()) << "it lacks too much" << story();
  (void)cluster.store().write(dcs::FailoverRecord{.candidate = second->name()}, dcs::Always{});
  until([&] { return second->postgres().promoting(); }, 20s);
  ASSERT_TRUE(second->postgres().promoting()) << story();
  const auto told = cluster.store().snapshot()->status.optime;
  world().partition(second->host(), kStore, true);
  until([&] { return second->postgres().can_commit(); }, 10s);
  second->lose_power();
  world().heal_network();
  world().run_for(cluster.options().ttl + 1s);
  ASSERT_EQ(cluster.store().snapshot()->status.optime, told) << story();
  second->start();
  until([&] { return cluster.primary() == second; }, 30s);
  EXPECT_EQ(cluster.primary(), second) << story();
  first->start();
  EXPECT_TRUE(cluster.run_until_converged(90s)) << story();
}

TEST_F(Lineages, of_one_number_are_told_apart_by_where_they_began) {
  promote_apart();
  // Another promotion to timeline 3, beside that of the first.
  second->sigterm();
  until([&] { return !second->running(); }, 20s);
  second->start();
  until([&] { return cluster.primary() == second; }, 60s);
  world().run_for(3s);
  ASSERT_EQ(second->postgres().timeline(), first->postgres().timeline()) << story();
  second->lose_power();
  first->start();
  world().run_for(cluster.options().ttl + 10s);
  EXPECT_FALSE(cluster.primary()) << story();
  second->start();
  expect_the_last_leader();
}

/// Two promotions from the very same point: one of a member that writes WAL which nobody gets and is cut off,
/// the next of another, whose commits are acknowledged while the first is in /sync still.
struct LookAlikes : Scenario {
  LookAlikes() : Scenario(synchronous()) {}
  static Options synchronous() {
    Options options;
    options.members = 4;
    options.synchronous = config::Dynamic::SyncMode::quorum;
    options.synchronous_node_count = 2;
    return options;
  }

  void cut_off(Member& member) {
    for (Endpoint host = 1; host <= cluster.size(); ++host)
      if (host != member.host()) world().partition(host, member.host(), true);
    world().partition(kStore, member.host(), true);
  }
  int branch(Member& member) { return member.postgres().disk().end.branch; }

  /// The second is lost in the end, and the first is back.
  void promote_twice() {
    Member& before = leader();
    before.lose_power();
    until([&] { return cluster.primary() && cluster.primary() != &before; }, 60s);
    first = cluster.primary();
    ASSERT_NE(first, nullptr) << story();
    cut_off(*first);
    first->postgres().write(1 << 20);
    const auto view = [&] { return cluster.store().snapshot(); };
    const auto& wal = cluster.wal();
    until(
        [&] {
          second = cluster.primary();
          return second && second != first && second->postgres().standby_names().starts_with("ANY 1 ");
        },
        90s);
    // Its member key, and whom the others follow, are not waited for.
    ASSERT_EQ(view()->history.lines.back().new_leader, second->name()) << story();
    ASSERT_TRUE(view()->sync.is_voter(first->name())) << story();
    second->sigstop();
    world().run_for(5s);
    const auto& last = wal.acknowledged().back();
    ASSERT_TRUE(last.promised && last.host == second->host()) << story();
    ASSERT_NE(branch(*first), branch(*second));
    ASSERT_EQ(wal.branch(branch(*first)).timeline, wal.branch(branch(*second)).timeline) << story();
    ASSERT_EQ(wal.branch(branch(*first)).start, wal.branch(branch(*second)).start) << story();
    ASSERT_GT(first->postgres().disk().end.lsn, second->postgres().disk().end.lsn) << story();
    second->lose_power();
    first->lose_power();
    world().heal_network();
    first->start();
  }

  Member* first = nullptr;
  Member* second = nullptr;
};

TEST_F(LookAlikes, the_first_does_not_count_as_ahead_when_the_second_is_lost) {
  promote_twice();
  world().run_for(cluster.options().ttl + 10s);
  EXPECT_FALSE(cluster.primary()) << "with the vote of the first only" << story();
  EXPECT_TRUE(said("has left that of the last leader, on timeline 2")) << story();
  second->start();
  until([&] { return cluster.primary() != nullptr; }, 60s);
  EXPECT_NE(cluster.primary(), first) << story();
  expect_everything_of(*second);
}

TEST_F(LookAlikes, the_first_knows_its_timeline_again_after_its_daemon_was_away_for_long) {
  promote_twice();
  first->sigterm();
  until([&] { return !first->running(); }, 30s);
  world().run_for(cluster.options().ttl + 1s);
  first->start();
  world().run_for(10s);
  EXPECT_FALSE(cluster.primary()) << story();
  second->start();
  until([&] { return cluster.primary() != nullptr; }, 60s);
  EXPECT_NE(cluster.primary(), first) << story();
  expect_everything_of(*second);
}

}  // namespace
}  // namespace tanist::sim
