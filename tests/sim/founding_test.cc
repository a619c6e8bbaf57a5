// Clusters that do not exist yet: killed, ended and cut off at any moment of their bootstrap.

#include "scenario.h"

namespace tanist::sim {
namespace {

/// A cluster that is still empty; the parameter tells when something happens.
class Founding : public ::testing::TestWithParam<int> {};

TEST(FoundingTime, three_empty_hosts_become_a_cluster_in_seconds) {
  Cluster cluster(11);
  for (Endpoint host = 1; host <= 3; ++host) {
    cluster.member(host).postgres().timing.clone_max = 500ms;
    cluster.member(host).postgres().timing.crash_recovery_max = 100ms;
  }
  cluster.start_all();
  ASSERT_TRUE(cluster.run_until_converged(30s)) << cluster.shape() << cluster.report(60);
  EXPECT_LE(cluster.world().now(), 6s) << cluster.report(60);
}

TEST_P(Founding, a_bootstrap_killed_at_any_moment_is_begun_anew_or_taken_over) {
  // The winner is killed so many milliseconds after its daemon began; then again with its host gone for good.
  const Duration when = 40ms * GetParam();
  for (const bool host_returns : {true, false}) {
    Cluster fresh(97 + static_cast<std::uint64_t>(GetParam()));
    fresh.member(1).start();
    fresh.world().run_for(when);
    if (!fresh.ok()) FAIL() << fresh.report();
    const bool won = fresh.store().snapshot()->initialize.present;
    if (host_returns) {
      fresh.member(1).crash();
      fresh.world().run_for(500ms);
      fresh.member(1).start();
    } else {
      fresh.member(1).lose_power();
      // Whoever has a valid system identifier in the store has data that only he has.
      if (won && fresh.store().snapshot()->initialize.valid_system_id()) continue;
    }
    for (Endpoint host = 2; host <= 3; ++host) fresh.member(host).start();
    const Duration patience = 3 * fresh.options().ttl + 60s;
    fresh.world().run_for(patience, [&] { return fresh.primary() != nullptr; });
    ASSERT_TRUE(fresh.ok()) << fresh.report();
    ASSERT_TRUE(fresh.primary()) << "killed after " << milliseconds(when) << " ms, host "
                                 << (host_returns ? "returns" : "stays away") << "\n"
                                 << fresh.shape() << "\n"
                                 << fresh.report(80);
    if (!host_returns) {
      fresh.member(1).start();
    }
    ASSERT_TRUE(fresh.run_until_converged(patience)) << fresh.shape() << "\n" << fresh.report(80);
  }
}
TEST_P(Founding, a_bootstrap_ended_at_any_moment_leaves_a_member_that_starts_again) {
  // Its store is gone, so that it cannot finish; its disk is slow, so that its end falls between two notes.
  Cluster fresh(397 + static_cast<std::uint64_t>(GetParam()));
  Member& first = fresh.member(1);
  first.disk().slow = 2s;
  first.start();
  fresh.world().run_for(60s, [&] { return fresh.store().snapshot()->initialize.present; });
  fresh.world().run_for(60ms * GetParam());
  fresh.world().partition(1, kStore, true);
  first.sigterm();
  fresh.world().run_for(3 * fresh.options().ttl + 30s, [&] { return !first.running(); });
  ASSERT_FALSE(first.running()) << fresh.report(60);
  fresh.world().partition(1, kStore, false);
  first.disk().slow = 0s;
  fresh.start_all();
  ASSERT_TRUE(fresh.run_until_converged(3 * fresh.options().ttl + 60s)) << fresh.shape() << "\n"
                                                                        << fresh.report(80);
}
INSTANTIATE_TEST_SUITE_P(EveryMoment, Founding, ::testing::Range(0, 80));

}  // namespace
}  // namespace tanist::sim
