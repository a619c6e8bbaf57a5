#include "core/format.h"
#include "scenario.h"

/// Switchovers and failovers on request, and what goes wrong in the middle of them.
namespace tanist::sim {
namespace {

class Switchover : public Scenario {
 protected:
  using Scenario::Scenario;

  void ask(dcs::FailoverRecord request) { (void)cluster.store().write(std::move(request), dcs::Always{}); }
  bool settled() { return !cluster.store().snapshot()->failover.present(); }
  Member& other_replica(const Member& than) {
    for (Endpoint host = 1; host <= cluster.size(); ++host) {
      Member& m = cluster.member(host);
      if (&m != &leader() && &m != &than) return m;
    }
    throw std::logic_error("no other replica");
  }
  WallTime in(Duration pause) {
    return leader().wall_now() + std::chrono::duration_cast<std::chrono::microseconds>(pause);
  }
  /// All of them together again, nothing left to do, nothing that `old` acknowledged is lost.
  void expect_all_well(const Member& old, const std::string& what = {}) {
    ASSERT_TRUE(cluster.run_until_converged(cluster.options().ttl + 60s)) << what << "\n" << story();
    // Who has won cleans up with its next decision.
    until([&] { return settled(); }, 5s);
    ASSERT_TRUE(settled()) << what << "\n" << story();
    ASSERT_TRUE(cluster.ok()) << what << "\n" << cluster.report(60);
    expect_everything_of(old);
  }
};

TEST_F(Switchover, to_a_candidate_is_quick_loses_nothing_and_needs_no_rewind) {
  Member& old = leader();
  Member& candidate = replica();
  cluster.expect_clean_handover(old.host());
  ask({.leader = old.name(), .candidate = candidate.name()});
  const Duration took = until([&] { return cluster.primary() == &candidate; }, 30s);
  EXPECT_LT(took, 5s) << story();
  expect_all_well(old);
  EXPECT_EQ(cluster.counts().handovers, 1u);
  EXPECT_FALSE(said("pg_rewind")) << story();
}

TEST_F(Switchover, there_and_back_again) {
  for (int i = 0; i < 6; ++i) {
    Member& old = leader();
    Member& candidate = replica();
    cluster.expect_clean_handover(old.host());
    ask({.leader = old.name(), .candidate = candidate.name()});
    until([&] { return cluster.primary() == &candidate; }, 30s);
    expect_all_well(old);
  }
}

TEST_F(Switchover, without_a_candidate_goes_to_one_of_the_others) {
  Member& old = leader();
  ask({.leader = old.name(), .candidate = {}});
  until([&] { return cluster.primary() && cluster.primary() != &old; }, 30s);
  expect_all_well(old);
}

TEST_F(Switchover, at_a_time_is_carried_out_then) {
  Member& old = leader();
  ask({.leader = old.name(), .candidate = replica().name(), .scheduled_at = in(25s)});
  world().run_for(24s);
  EXPECT_EQ(cluster.primary(), &old);
  EXPECT_FALSE(settled());
  until([&] { return cluster.primary() && cluster.primary() != &old; }, 6s);
  expect_all_well(old);
}

TEST_F(Switchover, at_a_time_that_is_withdrawn_is_not_carried_out) {
  Member& old = leader();
  ask({.leader = old.name(), .candidate = replica().name(), .scheduled_at = in(10s)});
  world().run_for(5s);
  ask({});
  world().run_for(30s);
  EXPECT_EQ(cluster.primary(), &old);
}

TEST_F(Switchover, to_a_candidate_that_is_down_is_refused_before_anything_is_stopped) {
  Member& old = leader();
  Member& candidate = replica();
  candidate.lose_power();
  world().run_for(50ms);
  const Time started = old.postgres().started_at();
  ask({.leader = old.name(), .candidate = candidate.name()});
  until([this] { return settled(); }, 10s);
  world().run_for(30s);
  EXPECT_EQ(cluster.primary(), &old) << story();
  EXPECT_EQ(old.postgres().started_at(), started);
  EXPECT_TRUE(said("switchover: no healthy members found, switchover is not possible")) << story();
  candidate.start();
}

TEST_F(Switchover, that_makes_no_sense_changes_nothing) {
  Member& old = leader();
  const auto changes = cluster.store().lock_changes();
  for (const dcs::FailoverRecord& request :
       {dcs::FailoverRecord{.leader = "n99", .candidate = replica().name()},
        dcs::FailoverRecord{.leader = old.name(), .candidate = old.name()},
        dcs::FailoverRecord{.leader = old.name(), .candidate = "n99"},
        dcs::FailoverRecord{.leader = {}, .candidate = "n99"}}) {
    ask(request);
    until([this] { return settled(); }, 10s);
    world().run_for(10s);
    EXPECT_EQ(cluster.primary(), &old) << story();
  }
  EXPECT_EQ(cluster.store().lock_changes(), changes);
}

TEST_F(Switchover, a_failover_picks_who_leads_after_a_dead_leader) {
  Member& old = leader();
  Member& candidate = other_replica(replica());
  old.lose_power();
  ask({.leader = {}, .candidate = candidate.name()});
  until([&] { return cluster.primary() != nullptr; }, cluster.options().ttl + 5s);
  EXPECT_EQ(cluster.primary(), &candidate) << story();
  old.start();
  ASSERT_TRUE(cluster.run_until_converged(90s)) << story();
  EXPECT_TRUE(settled());
}

TEST_F(Switchover, a_failover_to_a_dead_candidate_holds_nobody_up) {
  Member& old = leader();
  Member& candidate = replica();
  old.lose_power();
  candidate.lose_power();
  ask({.leader = {}, .candidate = candidate.name()});
  until([&] { return cluster.primary() != nullptr; }, 2 * cluster.options().ttl);
  EXPECT_NE(cluster.primary(), &candidate);
  candidate.start();
  old.start();
  ASSERT_TRUE(cluster.run_until_converged(90s)) << story();
  EXPECT_TRUE(settled());
}

/// What dies, at one moment after another of a switchover.
struct Accident {
  const char* name;
  void (*strikes)(Switchover& test, Member& old, Member& candidate);
  bool loses_nothing = true;
};
class Interrupted : public Switchover, public ::testing::WithParamInterface<Accident> {
 public:
  using Switchover::cluster;
  using Switchover::world;
};

TEST_P(Interrupted, ends_with_one_primary) {
  for (int step = 0; step < 24; ++step) {
    Member& old = leader();
    Member& candidate = replica();
    ask({.leader = old.name(), .candidate = candidate.name()});
    world().run_for(25ms * step);
    GetParam().strikes(*this, old, candidate);
    world().run_for(3s);
    cluster.heal();
    const std::string what = fmt::format("{} after {} ms", GetParam().name, 25 * step);
    ASSERT_TRUE(cluster.run_until_converged(cluster.options().ttl + 60s)) << what << "\n" << story();
    world().run_for(cluster.options().loop_wait);
    ASSERT_TRUE(settled()) << what << "\n" << story();
    ASSERT_TRUE(cluster.ok()) << what << "\n" << cluster.report(60);
    if (GetParam().loses_nothing) expect_everything_of(old);
    ASSERT_TRUE(cluster.run_until_converged(60s)) << what << "\n" << story();
  }
}

INSTANTIATE_TEST_SUITE_P(
    Accidents, Interrupted,
    ::testing::Values(
        Accident{"the leader's daemon is killed", [](Switchover&, Member& old, Member&) { old.crash(); }},
        Accident{"the candidate's daemon is killed",
                 [](Switchover&, Member&, Member& candidate) { candidate.crash(); }},
        Accident{"the candidate loses power",
                 [](Switchover&, Member&, Member& candidate) { candidate.lose_power(); }},
        Accident{"the candidate's PostgreSQL is killed",
                 [](Switchover&, Member&, Member& candidate) { candidate.postgres().crash_postmaster(); }},
        Accident{"the leader loses power", [](Switchover&, Member& old, Member&) { old.lose_power(); },
                 false},
        Accident{"the leader's PostgreSQL is killed",
                 [](Switchover&, Member& old, Member&) {
                   if (old.postgres().process() == postgres::Process::running)
                     old.postgres().crash_postmaster();
                 },
                 false},
        Accident{"the leader is told to end", [](Switchover&, Member& old, Member&) { old.sigterm(); }},
        Accident{"the store is down",
                 [](Switchover& test, Member&, Member&) {
                   static_cast<Interrupted&>(test).cluster.store().set_up(false);
                 }},
        Accident{"the candidate is cut off from the leader",
                 [](Switchover& test, Member& old, Member& candidate) {
                   static_cast<Interrupted&>(test).world().partition(old.host(), candidate.host(), true);
                 }}),
    [](const auto& info) {
      std::string name = info.param.name;
      std::ranges::replace_if(
          name, [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; }, '_');
      return name;
    });

/// Pause means hands off: only what an operator asks for, to whom he names.
class PausedSwitchover : public Switchover {
 protected:
  void pause(bool on) {
    Document dynamic = cluster.options().dynamic();
    if (on) dynamic.set("pause", true);
    (void)cluster.store().write(dcs::ConfigRecord{dynamic}, dcs::Always{});
    world().run_for(cluster.options().loop_wait + 2s);
  }
};

TEST_F(PausedSwitchover, goes_to_a_candidate_and_what_was_stopped_for_it_streams_again) {
  Member& old = leader();
  Member& candidate = replica();
  pause(true);
  ask({.leader = old.name(), .candidate = candidate.name()});
  until([&] { return cluster.primary() == &candidate; }, 30s);
  expect_all_well(old);
  pause(false);
  ASSERT_TRUE(cluster.run_until_converged(60s)) << story();
  EXPECT_EQ(cluster.primary(), &candidate);
}

TEST_F(PausedSwitchover, without_a_candidate_is_refused) {
  Member& old = leader();
  pause(true);
  ask({.leader = old.name(), .candidate = {}});
  until([this] { return settled(); }, 15s);
  EXPECT_EQ(cluster.primary(), &old);
  EXPECT_TRUE(said("Switchover is possible only to a specific candidate in a paused state"));
  pause(false);
}

TEST_F(PausedSwitchover, nothing_else_happens_to_a_stopped_server) {
  Member& m = replica();
  pause(true);
  m.postgres().stop(false);
  world().run_for(60s);
  EXPECT_EQ(m.postgres().life(), Postgres::Life::down) << story();
  pause(false);
  EXPECT_TRUE(cluster.run_until_converged(60s)) << story();
}

TEST(SwitchoverSeeds, keep_every_invariant_and_settle_every_request) {
  for (std::uint64_t seed = 880'000; seed < 880'040; ++seed) {
    const auto& store = kStoreModels.at(seed % kStoreModels.size());
    const auto result = run_seed(seed, 60, &store, Draw::before_orders);
    ASSERT_TRUE(result.ok) << result.report;
  }
}

}  // namespace
}  // namespace tanist::sim
