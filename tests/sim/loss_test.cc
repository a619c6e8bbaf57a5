#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "scenario.h"

/// What a failover may lose, and what it may not (docs/safety.md): the check itself, and who leads.
namespace tanist::sim {
namespace {

Options no_guardian() {
  Options options;
  options.ttl = 20s;
  options.loop_wait = 2s;
  options.retry_timeout = 3s;
  options.guardian = false;
  options.audit = true;
  return options;
}

/// Somebody is promoted by hand who lacks what the other replica had from the leader that is lost; what is
/// known of the other.
struct Loss {
  const char* name;
  bool told;
  bool cut = false;
  bool barred = false;
  bool restarted = false;
  /// The leader had sent nothing that the first lacks.
  bool even = false;
};
constexpr Loss kLosses[] = {
    {.name = "there", .told = true},
    {.name = "out_of_reach", .told = false, .cut = true},
    {.name = "not_allowed_to_lead", .told = false, .barred = true},
    {.name = "back_too_late_to_be_asked", .told = false, .restarted = true},
    {.name = "no_better", .told = false, .even = true},
};
struct LossOfCommits : ::testing::TestWithParam<Loss> {};

TEST_P(LossOfCommits, is_told_where_somebody_who_could_be_asked_had_them) {
  const Loss& loss = GetParam();
  Options options = no_guardian();
  if (loss.barred) {
    options.tags[3].nofailover = true;
    options.tags[3].published = Document::map({{"nofailover", true}});
  }
  Cluster cluster(20310101, options);
  World& world = cluster.world();
  cluster.start_all();
  ASSERT_TRUE(cluster.run_until_converged(120s)) << cluster.shape();
  world.run_for(25s);
  Member& old = *cluster.primary();
  Member& other = cluster.member(old.host() == 3 ? 1 : 3);
  Member& first = cluster.member(6 - old.host() - other.host());
  world.partition(old.host(), first.host(), !loss.even);
  world.run_for(2s);
  old.lose_power();
  world.heal_network();
  world.partition(first.host(), other.host(), loss.cut);
  world.run_for(options.ttl - 1s, [&] { return cluster.store().snapshot()->unlocked(); });
  if (loss.restarted) {
    other.crash();
    other.start();
  }
  world.run_for(60s, [&] { return cluster.store().snapshot()->unlocked(); });
  // Without its daemon, which knows better.
  first.crash();
  (void)cluster.store().acquire(first.name(), cluster.store().grant(options.ttl), {}, {});
  first.postgres().timing.promote_max = 20ms;
  ASSERT_TRUE(first.postgres().promote());
  world.run_for(100ms);
  EXPECT_EQ(world.violation().find("acknowledged commits") != std::string::npos, loss.told)
      << cluster.report(60);
}

INSTANTIATE_TEST_SUITE_P(TheOther, LossOfCommits, ::testing::ValuesIn(kLosses),
                         [](const auto& info) { return std::string(info.param.name); });

struct LateNews : Scenario {
  LateNews() : Scenario(no_guardian()) {}
};

/// The leader is promoted once more while the news of it are on their way, feeds the others, and is lost.
TEST_F(LateNews, of_a_timeline_that_was_streamed_keep_nobody_from_leading) {
  Member& old = leader();
  const auto others = [&](const std::function<void(Member&)>& each) {
    for (Endpoint host = 1; host <= cluster.size(); ++host)
      if (host != old.host()) each(cluster.member(host));
  };
  others([](Member& m) { m.store_faults().watch_lag = 400s; });
  const Timeline before = old.postgres().timeline();
  old.lose_power();
  old.start();
  until([&] { return cluster.primary() == &old && old.postgres().timeline() > before; }, 60s);
  others([&](Member& m) {
    until([&] { return m.postgres().streaming() && m.postgres().timeline() > before; }, 30s);
  });
  world().run_for(14s);
  old.lose_power();
  until([&] { return cluster.store().snapshot()->unlocked(); }, 30s);
  others([&](Member& m) {
    EXPECT_FALSE(m.snapshot()->diverged) << m.name();
    m.store_faults().watch_lag = 0s;
    world().partition(m.host(), kStore, true);
  });
  world().run_for(5s);
  world().heal_network();
  until([&] { return cluster.primary() != nullptr; }, 30s);
}

}  // namespace
}  // namespace tanist::sim
