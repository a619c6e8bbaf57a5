#include <gtest/gtest.h>

#include <string>

#include "scenario.h"

/// The watch over the invariants itself: what breaks one is told by its name, and what does not is let alone.
namespace tanist::sim {
namespace {

struct Watch : ::testing::Test {
  void SetUp() override {
    cluster.start_all();
    ASSERT_TRUE(cluster.run_until_converged(120s)) << cluster.shape();
    world.run_for(25s);
    leader = cluster.primary();
    ASSERT_NE(leader, nullptr);
    replica = &cluster.member(leader->host() == 1 ? 2 : 1);
  }
  bool broken(Invariant which) const {
    return world.violation().starts_with(std::string(invariant_name(which)) + ": ");
  }
  ha::View view_of_leader() {
    ha::View seen;
    bool taken = false;
    cluster.on_decision = [&](Endpoint host, const ha::View& view) {
      if (host != leader->host()) return;
      seen = view;
      taken = true;
    };
    world.run_for(30s, [&] { return taken; });
    cluster.on_decision = {};
    EXPECT_TRUE(taken);
    return seen;
  }

  Cluster cluster{20310101};
  World& world = cluster.world();
  Member* leader = nullptr;
  Member* replica = nullptr;
};

TEST_F(Watch, tells_of_a_healthy_primary_that_is_demoted) {
  const auto view = view_of_leader();
  ha::Decision decision;
  decision.intent = ha::intent::Demote{ha::DemoteMode::immediate};
  cluster.decided(leader->host(), view, decision);
  EXPECT_TRUE(broken(Invariant::no_self_inflicted_outage)) << world.violation();
}

TEST_F(Watch, tells_of_a_healthy_primary_that_gives_its_key_away) {
  const auto view = view_of_leader();
  ha::Decision decision;
  decision.intent = ha::intent::Release{};
  cluster.decided(leader->host(), view, decision);
  EXPECT_TRUE(broken(Invariant::no_self_inflicted_outage)) << world.violation();
}

TEST_F(Watch, lets_a_primary_be_demoted_whose_data_is_not_to_be_recognised) {
  auto view = view_of_leader();
  view.postgres.facts.data_directory = postgres::DataDirectory::foreign;
  ha::Decision decision;
  decision.intent = ha::intent::Demote{ha::DemoteMode::immediate};
  cluster.decided(leader->host(), view, decision);
  EXPECT_TRUE(cluster.ok()) << world.violation();
}

TEST_F(Watch, tells_of_a_deadline_that_stops_who_leads) {
  cluster.stopping(leader->host());
  EXPECT_TRUE(broken(Invariant::no_self_inflicted_outage)) << world.violation();
}

TEST_F(Watch, lets_a_deadline_stop_who_cannot_reach_the_store) {
  world.partition(leader->host(), kStore, true);
  world.run_for(1s);
  cluster.stopping(leader->host());
  EXPECT_TRUE(cluster.ok()) << world.violation();
}

TEST_F(Watch, tells_of_two_that_accept_writes) {
  replica->crash();
  replica->guardian().disarm();
  cluster.excuse_what_cannot_run = false;
  ASSERT_TRUE(replica->postgres().promote());
  world.run_for(60s, [&] { return !cluster.ok(); });
  EXPECT_TRUE(broken(Invariant::single_writer)) << world.violation();
}

TEST_F(Watch, tells_of_data_that_is_removed_where_nobody_else_has_it) {
  for (Endpoint host = 1; host <= cluster.size(); ++host)
    if (host != leader->host()) {
      cluster.member(host).crash();
      world.partition(leader->host(), host, true);
    }
  // More is written than the replicas have ever got.
  world.run_for(20s);
  cluster.removal(leader->host(), "for no good reason", false);
  EXPECT_TRUE(broken(Invariant::no_data_destroyed)) << world.violation();
}

TEST_F(Watch, lets_a_replica_remove_what_the_leader_has) {
  cluster.removal(replica->host(), "its timeline has diverged", false);
  EXPECT_TRUE(cluster.ok()) << world.violation();
}

TEST_F(Watch, tells_of_a_primary_that_is_stopped_for_nobody) {
  const auto view = view_of_leader();
  ha::Decision decision;
  decision.intent = ha::intent::Demote{.mode = ha::DemoteMode::graceful, .name = "switchover: demote"};
  cluster.decided(leader->host(), view, decision);
  EXPECT_TRUE(broken(Invariant::obedience)) << world.violation();
}

TEST_F(Watch, tells_of_a_start_in_pause) {
  auto view = view_of_leader();
  view.settings.dynamic.pause = true;
  ha::Decision decision;
  decision.intent = ha::intent::Start{};
  cluster.decided(leader->host(), view, decision);
  EXPECT_TRUE(broken(Invariant::hands_off)) << world.violation();
}

}  // namespace
}  // namespace tanist::sim
