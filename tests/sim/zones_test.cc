#include <random>

#include "core/format.h"
#include "scenario.h"

/// Commits that outlive the zone of their primary (replication.md §21).
namespace tanist::sim {
namespace {

using SyncMode = config::Dynamic::SyncMode;

/// Two members in zone a, two in b.
Options in_zones(SyncMode mode, bool strict = false) {
  Options o;
  o.members = 4;
  o.synchronous = mode;
  o.synchronous_strict = strict;
  o.zones.min_other_zones = 1;
  for (Endpoint host = 1; host <= o.members; ++host) set_zone(o, host, host <= 2 ? "a" : "b");
  return o;
}

class Zoned : public Scenario {
 protected:
  explicit Zoned(Options options) : Scenario(std::move(options)) {}

  std::vector<Member*> standing_in(const std::string& zone, bool in) {
    std::vector<Member*> out;
    for (Endpoint host = 1; host <= cluster.size(); ++host)
      if ((cluster.member(host).tags().zone == zone) == in) out.push_back(&cluster.member(host));
    return out;
  }
  std::size_t commits() { return cluster.wal().acknowledged().size(); }
  void goes_on() {
    const auto before = commits();
    until([&] { return commits() > before + 5; }, 60s);
  }
  /// The zone of the primary is lost, and everybody comes back later.
  void lose_the_zone_of_the_primary() {
    Member& old = leader();
    const std::string zone = old.tags().zone;
    for (Member* m : standing_in(zone, true)) m->lose_power();
    const auto others = standing_in(zone, false);
    until([&] { return std::ranges::find(others, cluster.primary()) != others.end(); }, 60s);
    expect_everything_of(old);
    for (Member* m : standing_in(zone, true)) m->start();
    ASSERT_TRUE(cluster.run_until_converged(60s)) << story();
    goes_on();
  }
};

class ZonedPriority : public Zoned {
 protected:
  ZonedPriority() : Zoned(in_zones(SyncMode::on)) {}
};

TEST_F(ZonedPriority, when_the_zone_of_the_primary_is_lost_the_other_leads_with_every_commit) {
  for (int round = 0; round < 4; ++round) {
    lose_the_zone_of_the_primary();
    world().run_for(10s);
  }
}

TEST_F(ZonedPriority, without_the_other_zone_commits_go_on) {
  const std::string zone = leader().tags().zone;
  for (Member* m : standing_in(zone, false)) m->lose_power();
  goes_on();
  until([&] { return said("0 of the 1 members of other zones"); }, 30s);
  for (Member* m : standing_in(zone, false)) m->start();
  ASSERT_TRUE(cluster.run_until_converged(60s)) << story();
  world().run_for(10s);
  lose_the_zone_of_the_primary();
}

class ZonedQuorum : public Zoned {
 protected:
  ZonedQuorum() : Zoned(in_zones(SyncMode::quorum)) {}
};

TEST_F(ZonedQuorum, when_the_zone_of_the_primary_is_lost_the_other_leads_with_every_commit) {
  EXPECT_TRUE(leader().postgres().standby_names().starts_with("ANY 2 (")) << story();
  for (int round = 0; round < 4; ++round) {
    lose_the_zone_of_the_primary();
    world().run_for(10s);
  }
}

class ZonedStrictly : public Zoned, public ::testing::WithParamInterface<SyncMode> {
 protected:
  ZonedStrictly() : Zoned(in_zones(GetParam(), true)) {}
};

/// Cluster::check_zones looks at each commit.
TEST_P(ZonedStrictly, without_the_other_zone_no_commit_is_acknowledged) {
  const std::string zone = leader().tags().zone;
  const auto others = standing_in(zone, false);
  for (Member* m : others) m->lose_power();
  world().run_for(10s);
  const auto before = commits();
  world().run_for(30s);
  EXPECT_EQ(commits(), before) << story();
  others.front()->start();
  goes_on();
  others.back()->start();
  ASSERT_TRUE(cluster.run_until_converged(60s)) << story();
  world().run_for(10s);
  lose_the_zone_of_the_primary();
}

INSTANTIATE_TEST_SUITE_P(Modes, ZonedStrictly, ::testing::Values(SyncMode::on, SyncMode::quorum),
                         [](const auto& mode) { return mode.param == SyncMode::on ? "on" : "quorum"; });

/// TANIST_SIM_SEED=N: they begin at N; one is replayed by tanist-sim --seed N --faults 80 --store KIND
/// --zones.
TEST(ZonedSeeds, keep_every_invariant_and_converge) {
  constexpr int kFaults = 80;
  const std::uint64_t runs = std::getenv("TANIST_SOAK") ? 2000 : 40;
  const char* set = std::getenv("TANIST_SIM_SEED");
  const std::uint64_t first =
      set ? std::strtoull(set, nullptr, 0) : static_cast<std::uint64_t>(std::random_device{}()) * 1000;
  fmt::print("zoned seeds {} to {}\n", first, first + runs - 1);
  for (std::uint64_t i = 0; i < runs; ++i) {
    const auto result = run_seed(first + i, kFaults, &kStoreModels.at(i % kStoreModels.size()), Draw::zones);
    ASSERT_TRUE(result.ok) << result.report;
  }
}

}  // namespace
}  // namespace tanist::sim
