#pragma once

#include <gtest/gtest.h>

#include <algorithm>

#include "chaos.h"

namespace tanist::sim {

using namespace std::chrono_literals;

/// A cluster on quiet hosts that has come together, for stories of one fault each.
class Scenario : public ::testing::Test {
 protected:
  explicit Scenario(Options options = {}) : cluster(20310101, options) {}

  void SetUp() override {
    cluster.start_all();
    ASSERT_TRUE(cluster.run_until_converged(120s)) << cluster.shape() << "\n" << cluster.report(60);
    world().run_for(25s);
    ASSERT_TRUE(cluster.converged()) << cluster.shape();
  }
  void TearDown() override { EXPECT_TRUE(cluster.ok()) << cluster.report(100); }

  World& world() { return cluster.world(); }
  Member& leader() {
    Member* m = cluster.primary();
    if (!m) throw std::logic_error("no primary\n" + cluster.shape() + "\n" + cluster.report(60));
    return *m;
  }
  Member& replica() {
    for (Endpoint host = 1; host <= cluster.size(); ++host)
      if (&cluster.member(host) != &leader()) return cluster.member(host);
    throw std::logic_error("no replica");
  }
  /// Runs until `done`, at most `limit`; how long it took.
  Duration until(const std::function<bool()>& done, Duration limit) {
    const Time begin = world().now();
    world().run_for(limit, done);
    EXPECT_TRUE(done()) << cluster.shape() << "\n" << cluster.report(60);
    return world().now() - begin;
  }
  /// The last 60 events, for messages.
  std::string story() { return cluster.shape() + "\n" + cluster.report(60); }
  bool said(const std::string& text) {
    const auto lines = world().recent(4000);
    return std::any_of(lines.begin(), lines.end(),
                       [&](const std::string& line) { return line.find(text) != std::string::npos; });
  }
  /// Whoever leads now has all that `old` has ever acknowledged.
  void expect_everything_of(const Member& old) {
    for (const auto& commit : cluster.wal().acknowledged())
      if (commit.host == old.host())
        ASSERT_TRUE(cluster.wal().contains(leader().postgres().disk().end, commit.at)) << story();
  }

  Cluster cluster;
};

}  // namespace tanist::sim
