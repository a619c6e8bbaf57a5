#include <gtest/gtest.h>

#include "scenario.h"

/// What an audit found: each of these once broke a promise of docs/safety.md on a cluster without a guardian.
namespace tanist::sim {
namespace {

Options shipped() {
  Options options;
  options.ttl = 20s;
  options.loop_wait = 2s;
  options.retry_timeout = 3s;
  options.guardian = false;
  options.audit = true;
  return options;
}

struct Audit : Scenario {
  explicit Audit(Options options = shipped()) : Scenario(std::move(options)) {}

  /// Nobody but the store sees it.
  void cut_from_members(Member& m, bool cut = true) {
    for (Endpoint other = 1; other <= cluster.size(); ++other)
      if (other != m.host()) world().partition(m.host(), other, cut);
  }
  /// The daemon of the leader is killed, and is to be started again when so much is left of its lease.
  Member& killed_with_left(Duration left) {
    Member& old = leader();
    world().run_for(3s);
    const Duration whole = old.snapshot()->lease_until - old.now();
    old.crash();
    world().run_for(whole - left);
    return old;
  }
  Member& third(Member& a, Member& b) {
    for (Endpoint host = 1; host <= cluster.size(); ++host)
      if (&cluster.member(host) != &a && &cluster.member(host) != &b) return cluster.member(host);
    throw std::logic_error("no third member");
  }
  void somebody_else_leads(Member& old, Duration limit) {
    until([&] { return cluster.primary() && cluster.primary() != &old; }, limit);
  }
};

// ---- a data directory that is not to be read -------------------------------------------------------------

TEST_F(Audit, a_leader_whose_directory_looks_foreign_for_a_moment_keeps_the_key_while_it_may_commit) {
  Member& old = leader();
  old.postgres().seen_as = postgres::DataDirectory::foreign;
  // The one look of a cycle, and those of the monitor.
  world().run_for(cluster.options().loop_wait + 500ms);
  old.postgres().seen_as.reset();
  world().run_for(60s);
  EXPECT_TRUE(cluster.run_until_converged(60s)) << story();
}

TEST_F(Audit, a_leader_whose_directory_looks_foreign_for_good_is_no_idle_primary) {
  Member& old = leader();
  old.postgres().seen_as = postgres::DataDirectory::foreign;
  world().run_for(cluster.options().ttl + 10s);
  EXPECT_NE(cluster.primary(), nullptr) << story();
  old.postgres().seen_as.reset();
  EXPECT_TRUE(cluster.run_until_converged(90s)) << story();
}

TEST_F(Audit, a_leader_whose_directory_looks_foreign_is_no_second_primary_where_nobody_reaches_it) {
  Member& old = leader();
  cut_from_members(old);
  old.postgres().seen_as = postgres::DataDirectory::foreign;
  world().run_for(cluster.options().ttl + 30s);
  EXPECT_TRUE(cluster.ok()) << story();
}

TEST_F(Audit, a_primary_of_unknown_system_is_stopped_where_another_leads) {
  Member& old = leader();
  old.crash();
  somebody_else_leads(old, 60s);
  old.postgres().control_unreadable = true;
  old.start();
  world().run_for(10s);
  EXPECT_FALSE(old.postgres().can_commit()) << story();
}

TEST_F(Audit, a_primary_that_hangs_while_its_control_file_is_not_to_be_read_keeps_its_key_over_a_restart) {
  Member& old = leader();
  old.crash();
  old.postgres().control_unreadable = true;
  old.postgres().freeze(true);
  old.start();
  world().run_for(3s);
  old.postgres().freeze(false);
  old.postgres().control_unreadable = false;
  world().run_for(10s);
  EXPECT_TRUE(cluster.ok()) << story();
  EXPECT_TRUE(cluster.run_until_converged(90s)) << story();
}

TEST_F(Audit, a_standby_whose_control_file_was_not_to_be_read_at_the_start_joins_once_it_is) {
  Member& standby = replica();
  standby.crash();
  standby.postgres().control_unreadable = true;
  standby.start();
  world().run_for(20s);
  standby.postgres().control_unreadable = false;
  until([&] { return standby.snapshot()->last_reason.code == ha::Code::no_action_secondary; }, 5s);
}

// ---- the start of the daemon -----------------------------------------------------------------------------

struct SlowThing {
  const char* name;
  Duration look{}, version{}, control{}, file{};
  bool hung = false;
};
constexpr SlowThing kSlowThings[] = {
    {.name = "look", .look = 8s},
    {.name = "version", .version = 12s},
    {.name = "control", .control = 10s},
    {.name = "files", .file = 4s},
    {.name = "all", .look = 3s, .version = 5s, .control = 3s, .file = 2s},
    {.name = "hung_disk", .hung = true},
    {.name = "nothing"},
};
/// What is slow; how many seconds of the lease are left.
struct SlowStartOfDaemon : Audit, ::testing::WithParamInterface<std::tuple<std::size_t, int>> {
  Member& begin() {
    Member& old = killed_with_left(std::chrono::seconds(std::get<1>(GetParam())));
    const SlowThing& slow = kSlowThings[std::get<0>(GetParam())];
    old.start_timing() = {
        .look = slow.look, .version = slow.version, .control = slow.control, .file = slow.file};
    if (slow.hung) {
      old.disk().hung = true;
      world().after(25s, [&old] { old.disk().hung = false; });
    }
    old.start();
    return old;
  }
};

TEST_P(SlowStartOfDaemon, leaves_no_primary_past_its_lease) {
  begin();
  world().run_for(40s);
  EXPECT_TRUE(cluster.ok()) << story();
  if (cluster.ok()) {
    EXPECT_TRUE(cluster.run_until_converged(90s)) << story();
  }
}

TEST_P(SlowStartOfDaemon, cut_short_by_SIGTERM_leaves_no_primary_past_its_lease) {
  Member& old = begin();
  world().run_for(1s);
  old.sigterm();
  world().run_for(40s);
  EXPECT_TRUE(cluster.ok()) << story();
  EXPECT_FALSE(old.running()) << story();
}

INSTANTIATE_TEST_SUITE_P(EveryStep, SlowStartOfDaemon,
                         ::testing::Combine(::testing::Range<std::size_t>(0, std::size(kSlowThings)),
                                            ::testing::Values(12, 6, 1, -5)),
                         [](const auto& info) {
                           const int left = std::get<1>(info.param);
                           return std::string(kSlowThings[std::get<0>(info.param)].name) +
                                  (left < 0 ? "_too_late" : "_" + std::to_string(left) + "_s_left");
                         });

// ---- exits -----------------------------------------------------------------------------------------------

TEST_F(Audit, a_changed_initialize_key_ends_no_daemon_before_its_primary) {
  const auto right = cluster.store().snapshot()->initialize.value;
  (void)cluster.store().write(dcs::InitializeRecord{"7000000000000000001"}, dcs::Always{});
  world().run_for(60s);
  EXPECT_TRUE(cluster.ok()) << story();
  (void)cluster.store().write(dcs::InitializeRecord{right}, dcs::Always{});
  if (cluster.ok()) {
    EXPECT_TRUE(cluster.run_until_converged(90s)) << story();
  }
}

TEST(AuditDisk, another_ttl_ends_no_lease_for_a_disk_that_does_not_answer) {
  for (const auto& store : kStoreModels) {
    Options options;
    options.ttl = 10s;
    options.loop_wait = 3s;
    options.retry_timeout = 3s;
    options.store = &store;
    Cluster cluster(20310101, options);
    cluster.start_all();
    ASSERT_TRUE(cluster.run_until_converged(120s)) << cluster.shape() << "\n" << cluster.report(60);
    Member& old = *cluster.primary();
    old.disk().hung = true;
    const auto generation = old.postgres().generation();
    for (const Duration ttl : {9s, 12s, 11s, 20s, 10s}) {
      Options changed = options;
      changed.ttl = ttl;
      cluster.note_ttl(ttl);
      (void)cluster.store().write(dcs::ConfigRecord{changed.dynamic()}, dcs::Always{});
      cluster.world().run_for(7s);
    }
    EXPECT_TRUE(cluster.ok()) << store.name << "\n" << cluster.report(60);
    EXPECT_EQ(cluster.primary(), &old) << store.name << "\n" << cluster.report(60);
    EXPECT_EQ(old.postgres().generation(), generation) << store.name;
  }
}

TEST_F(Audit, a_removed_initialize_key_is_put_back_and_nothing_else_happens) {
  Member& old = leader();
  const auto right = cluster.store().snapshot()->initialize.value;
  const auto generation = old.postgres().generation();
  cluster.store().delete_initialize_by_hand();
  until([&] { return cluster.store().snapshot()->initialize.value == right; }, 10s);
  world().run_for(30s);
  EXPECT_EQ(old.postgres().generation(), generation);
  EXPECT_TRUE(cluster.converged()) << story();
}

TEST_F(Audit, a_daemon_that_finds_its_directory_unreadable_does_not_end_before_its_primary) {
  Member& old = leader();
  old.crash();
  old.postgres().seen_as = postgres::DataDirectory::unreadable;
  old.start();
  world().run_for(60s);
  EXPECT_TRUE(cluster.ok()) << story();
}

TEST_F(Audit, a_daemon_whose_port_is_in_use_does_not_end_before_its_primary) {
  Member& old = leader();
  old.crash();
  old.start_timing().rest_fails = true;
  old.start();
  world().run_for(60s);
  EXPECT_TRUE(cluster.ok()) << story();
}

// ---- a member that the cluster has moved on without ------------------------------------------------------

struct Diverged : Audit, ::testing::WithParamInterface<bool> {
  Diverged() : Audit(no_way_back(GetParam())) {}
  static Options no_way_back(bool check_timeline) {
    Options options = shipped();
    options.use_pg_rewind = options.remove_on_divergence = false;
    options.check_timeline = check_timeline;
    return options;
  }
  /// The old leader has more bytes than anybody, on the timeline of before.
  Member& part() {
    Member& old = leader();
    cut_from_members(old);
    old.postgres().write(500'000);
    world().run_for(2s);
    old.lose_power();
    somebody_else_leads(old, 60s);
    world().heal_network();
    old.start();
    until([&] { return old.postgres().answers(); }, 30s);
    world().run_for(10s);
    return old;
  }
};

TEST_P(Diverged, never_leads_before_one_that_has_what_was_acknowledged) {
  Member& old = part();
  Member& second = leader();
  Member& fit = third(old, second);
  ASSERT_TRUE(fit.postgres().streaming()) << story();
  second.lose_power();
  somebody_else_leads(second, cluster.options().ttl + 15s);
  EXPECT_EQ(cluster.primary(), &fit) << story();
}

TEST_P(Diverged, is_nobody_to_hand_over_to) {
  Member& old = part();
  Member& second = leader();
  Member& fit = third(old, second);
  world().partition(second.host(), fit.host(), true);
  world().run_for(2s);
  second.sigterm();
  world().run_for(10s);
  world().heal_network();
  world().run_for(60s);
  EXPECT_NE(cluster.primary(), &old) << story();
  EXPECT_NE(cluster.primary(), nullptr) << story();
}

INSTANTIATE_TEST_SUITE_P(CheckTimeline, Diverged, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "on" : "off"; });

// ---- PostgreSQL that recovers while its postmaster lives -------------------------------------------------

struct BackendCrash : Audit {
  BackendCrash() : Audit(impatient()) {}
  static Options impatient() {
    Options options = shipped();
    options.primary_start_timeout = 20s;
    return options;
  }
};

TEST_F(BackendCrash, of_a_leader_that_recovers_longer_than_allowed_makes_another_lead) {
  Member& old = leader();
  old.postgres().crash_backends(10min);
  somebody_else_leads(old, 20s + cluster.options().loop_wait + 10s);
  EXPECT_TRUE(cluster.run_until_converged(120s)) << story();
}

TEST_F(BackendCrash, of_a_leader_that_recovers_soon_changes_nothing) {
  Member& old = leader();
  const auto changes = cluster.store().lock_changes();
  old.postgres().crash_backends(8s);
  world().run_for(30s);
  EXPECT_EQ(cluster.primary(), &old) << story();
  EXPECT_EQ(cluster.store().lock_changes(), changes);
  EXPECT_TRUE(cluster.converged()) << story();
}

// ---- what a bootstrap left behind ------------------------------------------------------------------------

constexpr const char* kBootstrapNote = R"({"data_dir":"/data"})";

TEST(AuditBootstrap, a_note_that_was_left_removes_no_directory_that_somebody_made_by_hand) {
  Options options = shipped();
  options.members = 1;
  Cluster cluster(4, options);
  Member& m = cluster.member(1);
  m.postgres().initdb();
  m.postgres().disk().bootstrap_attempt = false;
  const auto made = m.postgres().system_id();
  m.disk().files["/data.tanist/bootstrap.json"] = kBootstrapNote;
  m.start();
  cluster.world().run_for(60s);
  EXPECT_TRUE(cluster.ok()) << cluster.report(60);
  EXPECT_EQ(m.postgres().system_id(), made);
}

TEST_F(Audit, a_note_that_is_back_after_a_power_loss_removes_nothing_whose_control_file_is_not_to_be_read) {
  Member& old = leader();
  const auto generation = old.postgres().generation();
  old.crash();
  old.disk().files["/data.tanist/bootstrap.json"] = kBootstrapNote;
  old.postgres().control_unreadable = true;
  old.start();
  world().run_for(5s);
  EXPECT_EQ(old.postgres().generation(), generation) << story();
  EXPECT_TRUE(cluster.ok()) << story();
}

TEST_F(Audit, a_note_that_is_back_removes_nothing_where_the_store_was_wiped) {
  Member& old = leader();
  const auto made = old.postgres().system_id();
  old.crash();
  old.disk().files["/data.tanist/bootstrap.json"] = kBootstrapNote;
  cluster.store().delete_initialize_by_hand();
  old.start();
  world().run_for(30s);
  EXPECT_EQ(old.postgres().system_id(), made) << story();
}

// ---- the race for the key --------------------------------------------------------------------------------

struct LateAcquire : Audit {
  LateAcquire() : Audit(four()) {}
  static Options four() {
    Options options = shipped();
    options.members = 4;
    return options;
  }
};

TEST_F(LateAcquire, promotes_nobody_who_lacks_what_was_acknowledged_meanwhile) {
  Member& old = leader();
  Endpoint late = 0;
  cluster.on_acquire = [&](Endpoint host, const ha::View&, const dcs::AcquireConditions&) {
    if (late != 0) return;
    late = host;
    world().link(host, kStore).hold = 2600ms;
    world().after(1ms, [&, host] { world().link(host, kStore).hold = 0ms; });
    world().after(2550ms, [&] {
      Member* second = cluster.primary();
      if (!second || second->host() == late) return;
      const auto session = cluster.store().snapshot()->leader->claim;
      second->lose_power();
      cluster.store().end_lease(session);
    });
  };
  old.lose_power();
  world().run_for(cluster.options().ttl + 5s);
  ASSERT_NE(late, 0) << story();
  EXPECT_GE(cluster.counts().promotions, 1u) << story();
  EXPECT_TRUE(cluster.ok()) << story();
}

struct Backoff : Audit {
  Backoff() : Audit(backing_off()) {}
  static Options backing_off() {
    Options options = shipped();
    options.primary_race_backoff = 15s;
    return options;
  }
};

TEST_F(Backoff, does_not_keep_a_primary_from_taking_its_key_back) {
  Member& old = leader();
  // Who leads has been a replica, and remembers where it was.
  old.lose_power();
  somebody_else_leads(old, 90s);
  old.start();
  ASSERT_TRUE(cluster.run_until_converged(60s)) << story();
  Member& second = leader();
  const auto generation = second.postgres().generation();
  cluster.excuse_holder();
  cluster.store().delete_leader_by_hand();
  world().run_for(5s);
  EXPECT_EQ(cluster.primary(), &second) << story();
  EXPECT_EQ(second.postgres().generation(), generation) << story();
}

/// The parameter is a seed.
class TakeBack : public ::testing::TestWithParam<std::uint64_t> {};

TEST_P(TakeBack, is_over_before_another_can_write) {
  for (const bool reachable : {false, true}) {
    Cluster cluster(GetParam(), shipped());
    cluster.start_all();
    ASSERT_TRUE(cluster.run_until_converged(120s)) << cluster.shape();
    cluster.world().run_for(25s);
    Member& old = *cluster.primary();
    for (Endpoint host = 1; host <= cluster.size(); ++host) {
      if (host == old.host()) continue;
      cluster.member(host).postgres().timing.promote_max = 20ms;
      if (!reachable) cluster.world().partition(old.host(), host, true);
    }
    cluster.world().run_for(1s);
    cluster.excuse_holder();
    cluster.store().end_lease(cluster.store().snapshot()->leader->claim);
    cluster.world().run_for(10s);
    ASSERT_TRUE(cluster.ok()) << cluster.report(60);
  }
}
INSTANTIATE_TEST_SUITE_P(Seeds, TakeBack, ::testing::Range<std::uint64_t>(500, 520));

// ---- hosts that are copied -------------------------------------------------------------------------------

TEST_F(Audit, a_host_cloned_with_its_live_session_never_leads_beside_the_first) {
  Member& old = leader();
  Member& copy = cluster.add(old.name());
  copy.disk().files = old.disk().files;
  copy.postgres().finish_copy(old.postgres());
  world().partition(copy.host(), old.host(), true);
  cluster.restart_on_failure = false;
  copy.start();
  world().run_for(60s);
  EXPECT_FALSE(copy.postgres().can_commit()) << story();
  EXPECT_EQ(cluster.primary(), &old) << story();
}

// ---- promotions that take long ---------------------------------------------------------------------------

struct SlowPromotion : Audit {
  /// The next promotion takes that long, the one after it not.
  Member& promotes_for(Duration span) {
    Member& old = leader();
    for (Endpoint host = 1; host <= cluster.size(); ++host) {
      auto& timing = cluster.member(host).postgres().timing;
      timing.slow_promotions = 1;
      timing.promote_max = timing.slow_promotion_max = span;
    }
    old.lose_power();
    Member* winner = nullptr;
    until(
        [&] {
          for (Endpoint host = 1; host <= cluster.size(); ++host)
            if (cluster.member(host).postgres().promoting()) winner = &cluster.member(host);
          return winner != nullptr;
        },
        60s);
    for (Endpoint host = 1; host <= cluster.size(); ++host) {
      cluster.member(host).postgres().timing.slow_promotions = 0;
      cluster.member(host).postgres().timing.promote_max = 200ms;
    }
    world().run_for(2s);
    return *winner;
  }
};

TEST_F(SlowPromotion, that_outlives_its_daemon_is_ended_where_the_store_is_out_of_reach) {
  Member& winner = promotes_for(45s);
  for (Endpoint other = 0; other <= cluster.size(); ++other)
    if (other != winner.host()) world().partition(winner.host(), other, true);
  winner.crash();
  world().run_for(200ms);
  winner.start();
  world().run_for(90s);
  EXPECT_FALSE(winner.postgres().can_commit()) << story();
  world().heal_network();
  for (Endpoint host = 1; host <= cluster.size(); ++host) cluster.member(host).start();
  EXPECT_TRUE(cluster.run_until_converged(120s)) << story();
  EXPECT_TRUE(cluster.ok()) << story();
}

TEST_F(SlowPromotion, that_outlives_its_daemon_is_not_given_away_to_another) {
  Member& old = leader();
  cut_from_members(old);
  old.postgres().write(300'000);
  world().run_for(1s);
  Member& winner = promotes_for(25s);
  world().heal_network();
  old.start();
  until([&] { return old.postgres().answers(); }, 20s);
  world().run_for(3s);
  winner.crash();
  winner.start();
  world().run_for(60s);
  EXPECT_TRUE(cluster.ok()) << story();
}

TEST_F(SlowPromotion, whose_note_cannot_be_read_is_ended_before_another_leads) {
  Member& winner = promotes_for(25s);
  winner.disk().hung = true;
  winner.crash();
  world().run_for(200ms);
  winner.start();
  somebody_else_leads(winner, 60s);
  world().run_for(30s);
  EXPECT_FALSE(winner.postgres().can_commit()) << story();
  winner.disk().hung = false;
  cluster.start_all();
  EXPECT_TRUE(cluster.run_until_converged(90s)) << story();
  EXPECT_TRUE(cluster.ok()) << story();
}

TEST_F(SlowPromotion, whose_key_is_deleted_by_hand_is_over_before_another_can_write) {
  Member& winner = promotes_for(2120ms);
  for (Endpoint host = 1; host <= cluster.size(); ++host)
    cluster.member(host).postgres().timing.promote_max = 30ms;
  cluster.excuse_holder();
  cluster.store().delete_leader_by_hand();
  world().run_for(10s);
  EXPECT_TRUE(cluster.ok()) << story();
  EXPECT_NE(cluster.primary(), nullptr) << story();
  (void)winner;
}

TEST_F(SlowPromotion, goes_on_under_a_lease_that_is_kept) {
  Member& winner = promotes_for(29s);
  until([&] { return cluster.primary() == &winner; }, 40s);
  cluster.start_all();
  EXPECT_TRUE(cluster.run_until_converged(60s)) << story();
}

TEST_F(SlowPromotion, whose_daemon_dies_for_good_is_followed_by_another) {
  Member& winner = promotes_for(20s);
  winner.crash();
  somebody_else_leads(winner, 60s);
  winner.start();
  cluster.start_all();
  EXPECT_TRUE(cluster.run_until_converged(90s)) << story();
}

TEST_F(SlowPromotion, that_a_crash_of_a_backend_ends_is_begun_again) {
  Member& winner = promotes_for(20s);
  winner.postgres().crash_backends(500ms);
  until([&] { return cluster.primary() == &winner; }, 30s);
  cluster.start_all();
  EXPECT_TRUE(cluster.run_until_converged(60s)) << story();
}

TEST_F(Audit, a_promotion_that_fails_is_tried_again_or_left_to_another) {
  Member& old = leader();
  for (Endpoint host = 1; host <= cluster.size(); ++host)
    cluster.member(host).postgres().failing_promotions = 1;
  old.lose_power();
  somebody_else_leads(old, cluster.options().ttl + 60s);
  old.start();
  EXPECT_TRUE(cluster.run_until_converged(90s)) << story();
}

// ---- chaos with all of it --------------------------------------------------------------------------------

TEST(AuditSeeds, keep_every_invariant_and_converge) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    const auto result = run_seed(seed, 60, &kStoreModels.front(), Draw::before_operators);
    ASSERT_TRUE(result.ok) << result.report;
  }
}

}  // namespace
}  // namespace tanist::sim
