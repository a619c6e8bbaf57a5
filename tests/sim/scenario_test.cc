#include <gtest/gtest.h>

#include "core/format.h"
#include "scenario.h"

/// One story each, on quiet hosts: what is promised for a certain fault.
namespace tanist::sim {
namespace {

using namespace std::chrono_literals;

TEST_F(Scenario, loss_of_the_leaders_host_is_answered_within_ttl_and_a_second) {
  Member& old = leader();
  old.lose_power();
  const auto took = until([&] { return cluster.primary() && cluster.primary() != &old; }, 60s);
  EXPECT_LE(took, cluster.options().ttl + 1s);
  old.start();
  EXPECT_TRUE(cluster.run_until_converged(60s)) << story();
}

TEST_F(Scenario, a_killed_daemon_leaves_its_primary_until_the_guardian_kills_it_before_the_lease_ends) {
  Member& old = leader();
  old.crash();
  world().run_for(5s);
  EXPECT_TRUE(old.postgres().can_commit()) << "a daemon that comes back soon finds its primary";
  until([&] { return cluster.primary() && cluster.primary() != &old; }, cluster.options().ttl + 2s);
  EXPECT_FALSE(old.postgres().can_commit());
}

TEST_F(Scenario, a_daemon_that_restarts_adopts_its_primary_and_keeps_the_key) {
  Member& old = leader();
  const auto generation = old.postgres().generation();
  const auto changes = cluster.store().lock_changes();
  old.crash();
  world().run_for(2s);
  old.start();
  world().run_for(60s);
  EXPECT_EQ(cluster.primary(), &old);
  EXPECT_EQ(old.postgres().generation(), generation);
  EXPECT_EQ(cluster.store().lock_changes(), changes);
}

TEST_F(Scenario, a_killed_postmaster_is_restarted_in_place) {
  Member& old = leader();
  const auto changes = cluster.store().lock_changes();
  const auto timeline = old.postgres().timeline();
  old.postgres().timing.crash_recovery_max = 60ms;
  old.postgres().crash_postmaster();
  world().run_for(1ms);
  const auto took =
      until([&] { return cluster.primary() == &old && old.postgres().life() == Postgres::Life::up; }, 5s);
  EXPECT_LE(took, 400ms);
  EXPECT_EQ(cluster.store().lock_changes(), changes);
  EXPECT_EQ(old.postgres().timeline(), timeline);
  EXPECT_TRUE(cluster.run_until_converged(30s)) << story();
}

TEST_F(
    Scenario,
    a_daemon_killed_between_the_note_of_its_promotion_and_the_promotion_leaves_no_cluster_without_primary) {
  Member& old = leader();
  old.lose_power();
  Member* winner = nullptr;
  const auto noted = [&] {
    for (Endpoint host = 1; host <= cluster.size(); ++host)
      if (cluster.member(host).disk().files.contains("/data.tanist/promoting"))
        winner = &cluster.member(host);
    return winner != nullptr;
  };
  until(noted, 60s);
  ASSERT_FALSE(cluster.primary());
  winner->crash();
  winner->start();
  until([&] { return cluster.primary() == winner; }, cluster.options().ttl);
}

TEST_F(Scenario, sigterm_of_the_leader_hands_over_at_once_and_loses_nothing) {
  Member& old = leader();
  cluster.expect_clean_handover(old.host());
  for (Endpoint host = 1; host <= cluster.size(); ++host)
    cluster.member(host).postgres().timing.promote_max = 50ms;
  old.postgres().timing.checkpoint_max = 20ms;
  old.sigterm();
  const auto took = until([&] { return cluster.primary() && cluster.primary() != &old; }, 10s);
  EXPECT_LE(took, 400ms) << story();
  expect_everything_of(old);
  until([&] { return old.exit_code().has_value(); }, 10s);
  EXPECT_EQ(*old.exit_code(), 0);
  old.start();
  EXPECT_TRUE(cluster.run_until_converged(60s)) << story();
}

TEST_F(Scenario, a_leader_cut_off_from_the_store_stops_before_its_lease_ends_and_another_takes_over_after) {
  Member& old = leader();
  world().partition(old.host(), kStore, true);
  until([&] { return !old.postgres().can_commit(); }, cluster.options().ttl);
  EXPECT_FALSE(cluster.store().snapshot()->unlocked()) << "PostgreSQL stopped before the key was gone";
  until([&] { return cluster.primary() && cluster.primary() != &old; }, cluster.options().ttl / 3);
  world().partition(old.host(), kStore, false);
  EXPECT_TRUE(cluster.run_until_converged(90s)) << story();
}

TEST_F(Scenario, a_leader_whose_packets_are_dropped_everywhere_is_replaced_within_ttl_and_a_second) {
  Member& old = leader();
  for (Endpoint other = 0; other <= cluster.size(); ++other)
    if (other != old.host()) world().partition(old.host(), other, true);
  const auto took = until([&] { return cluster.primary() && cluster.primary() != &old; }, 60s);
  // The peers' poll of the lost host takes its two seconds.
  EXPECT_LE(took, cluster.options().ttl + 3s);
  world().heal_network();
  EXPECT_TRUE(cluster.run_until_converged(90s)) << story();
}

/// An upstream is a setting that needs a restart, as it was before PostgreSQL 13.
struct FollowByRestart : Scenario {
  FollowByRestart() : Scenario(old_postgres()) {}
  static Options old_postgres() {
    Options options;
    options.restarts_to_follow = true;
    return options;
  }
};

TEST_F(FollowByRestart, replicas_of_a_lost_leader_restart_and_follow_the_new_one) {
  Member& old = leader();
  old.lose_power();
  until([&] { return cluster.primary() && cluster.primary() != &old; }, 60s);
  const Time led = world().now();
  const auto others = [&](Endpoint host) {
    return &cluster.member(host) != &old && &cluster.member(host) != cluster.primary();
  };
  for (Endpoint host = 1; host <= cluster.size(); ++host) {
    const Postgres& follower = cluster.member(host).postgres();
    if (others(host)) until([&] { return follower.streaming() && follower.started_at() > led; }, 30s);
  }
  old.start();
  EXPECT_TRUE(cluster.run_until_converged(60s)) << story();
}

/// pg_rewind is the only way back.
struct RewindOnly : Scenario {
  RewindOnly() : Scenario(rewind_only()) {}
  static Options rewind_only() {
    Options options;
    options.remove_on_divergence = false;
    return options;
  }
  /// The leader goes on alone for a while and then loses its power; another one leads.
  Member& part() {
    Member& old = leader();
    for (Endpoint other = 1; other <= cluster.size(); ++other)
      if (other != old.host()) world().partition(old.host(), other, true);
    world().run_for(2s);
    old.lose_power();
    until([&] { return cluster.primary() && cluster.primary() != &old; }, 60s);
    world().heal_network();
    return old;
  }
};

TEST_F(RewindOnly, a_rewind_that_fails_before_it_changed_anything_is_tried_again_while_the_member_serves) {
  Member& old = part();
  old.postgres().harmless_rewinds = 1;
  old.start();
  until([&] { return old.postgres().answers(); }, 30s);
  EXPECT_TRUE(said("could not read WAL record")) << story();
  EXPECT_FALSE(old.postgres().streaming());
  EXPECT_TRUE(cluster.run_until_converged(30s)) << story();
}

TEST_F(RewindOnly, rewinds_that_go_on_failing_are_tried_less_and_less_often) {
  Member& old = part();
  old.postgres().harmless_rewinds = 1000;
  old.start();
  world().run_for(30min);
  const int tried = 1000 - old.postgres().harmless_rewinds;
  EXPECT_GE(tried, 5) << story();
  EXPECT_LE(tried, 15) << story();
  EXPECT_TRUE(old.postgres().answers());
  old.postgres().harmless_rewinds = 0;
  EXPECT_TRUE(cluster.run_until_converged(6min)) << story();
}

TEST_F(Scenario, an_acquire_whose_reply_is_lost_is_resolved_and_leads) {
  Member& old = leader();
  for (Endpoint host = 1; host <= cluster.size(); ++host)
    cluster.member(host).store_faults().lose_reply["acquire"] = 1;
  old.lose_power();
  const auto took = until([&] { return cluster.primary() && cluster.primary() != &old; }, 90s);
  EXPECT_LE(took, cluster.options().ttl + 2 * cluster.options().loop_wait);
  EXPECT_TRUE(said("the outcome of taking the leader key is unknown")) << story();
}

TEST_F(Scenario, a_daemon_that_dies_between_two_sessions_knows_the_leader_key_for_its_own_when_it_returns) {
  Member& old = leader();
  // The key hangs on the session of the lost reply; the next one is on record when the daemon dies.
  for (Endpoint host = 1; host <= cluster.size(); ++host) {
    cluster.member(host).store_faults().lose_reply["acquire"] = 1;
    cluster.member(host).store_faults().lose_request["renew"] = 10;
  }
  old.lose_power();
  until([&] { return said("the outcome of taking the leader key is unknown"); }, 60s);
  world().run_for(500ms);
  const std::string holder = cluster.store().snapshot()->leader_name();
  for (Endpoint host = 1; host <= cluster.size(); ++host) {
    Member& member = cluster.member(host);
    member.store_faults() = {};
    if (member.name() != holder) continue;
    member.crash();
    world().run_for(1s);
    member.start();
    until([&] { return cluster.primary() == &member; }, cluster.options().ttl / 2);
  }
  ASSERT_NE(cluster.primary(), nullptr) << story();
}

TEST_F(Scenario, a_renewal_whose_reply_is_lost_costs_nothing) {
  Member& old = leader();
  const auto changes = cluster.store().lock_changes();
  const auto generation = old.postgres().generation();
  old.store_faults().lose_reply["renew"] = 2;
  world().run_for(60s);
  EXPECT_EQ(cluster.primary(), &old);
  EXPECT_EQ(old.postgres().generation(), generation);
  EXPECT_EQ(cluster.store().lock_changes(), changes);
}

TEST_F(Scenario, a_daemon_stopped_past_its_lease_finds_its_postgres_killed_by_the_guardian) {
  Member& old = leader();
  old.sigstop();
  until([&] { return cluster.primary() && cluster.primary() != &old; }, cluster.options().ttl + 5s);
  EXPECT_FALSE(old.postgres().can_commit());
  EXPECT_TRUE(said("guardian: the lease has passed")) << story();
  old.sigcont();
  EXPECT_TRUE(cluster.run_until_converged(90s)) << story();
}

/// A crashed leader whose daemon comes back within its lease starts read-only; what it replays takes for
/// ever.
class SlowStart : public Scenario {
 protected:
  static Options impatient() {
    Options options;
    options.primary_start_timeout = 15s;
    options.use_pg_rewind = false;
    return options;
  }
  SlowStart() : Scenario(impatient()) {}
};

TEST_F(SlowStart, a_holder_of_the_lock_that_does_not_come_up_gives_way) {
  Member& old = leader();
  old.crash();
  old.postgres().crash_postmaster();
  old.postgres().timing.launch = 600s;
  world().run_for(2s);
  old.start();
  until([&] { return old.postgres().life() == Postgres::Life::starting; }, 5s);
  old.postgres().timing.launch = 20ms;
  until([&] { return cluster.primary() && cluster.primary() != &old; }, 45s);
  EXPECT_TRUE(cluster.run_until_converged(120s)) << story();
}

TEST_F(Scenario, a_standby_that_still_starts_is_aimed_at_the_new_leader) {
  Member& old = leader();
  Member& late = replica();
  late.postgres().timing.launch = 40s;
  late.postgres().crash_postmaster();
  world().run_for(5s);
  old.lose_power();
  until([&] { return cluster.primary() && cluster.primary() != &old && cluster.primary() != &late; }, 60s);
  until(
      [&] {
        return late.postgres().disk().upstream && late.postgres().disk().upstream->member == leader().name();
      },
      15s);
  old.start();
  EXPECT_TRUE(cluster.run_until_converged(120s)) << story();
}

TEST_F(Scenario, a_stopped_postgres_is_killed_before_another_leads) {
  Member& old = leader();
  old.postgres().freeze(true);
  old.sigstop();
  until([&] { return cluster.primary() && cluster.primary() != &old; }, cluster.options().ttl + 5s);
  EXPECT_EQ(old.postgres().process(), postgres::Process::none);
}

TEST_F(Scenario, a_leader_key_deleted_by_hand_is_noticed_and_somebody_leads_again) {
  Member& old = leader();
  cluster.excuse_holder();
  cluster.store().delete_leader_by_hand();
  const auto noticed = until([&] { return said("the leader key is not mine any more"); }, 5s);
  EXPECT_LE(noticed, 200ms);
  (void)old;
  EXPECT_TRUE(cluster.run_until_converged(60s)) << story();
}

TEST_F(Scenario, a_stale_watch_leads_to_no_acquire_on_an_old_config) {
  // The replica with the old copy knows neither the new /config nor that the leader is gone; then it learns
  // of the latter only.
  Member& old = leader();
  for (Endpoint host = 1; host <= cluster.size(); ++host)
    if (&cluster.member(host) != &old) cluster.member(host).store_faults().watch_lag = 15s;
  auto config = cluster.options().dynamic();
  config.set("maximum_lag_on_failover", 12345);
  (void)cluster.store().write(dcs::ConfigRecord{config}, dcs::Always{});
  const auto version = cluster.store().snapshot()->config.version;
  std::vector<dcs::Version> decided_on;
  cluster.on_acquire = [&](Endpoint, const ha::View& view, const dcs::AcquireConditions& conditions) {
    EXPECT_TRUE(view.cluster().linearizable);
    EXPECT_TRUE(conditions.config);
    decided_on.push_back(conditions.config.value_or(dcs::Version()));
  };
  old.lose_power();
  until([&] { return cluster.primary() && cluster.primary() != &old; }, 90s);
  ASSERT_FALSE(decided_on.empty());
  for (const auto& seen : decided_on) EXPECT_EQ(seen, version);
}

TEST_F(Scenario, a_wiped_replica_is_cloned_again) {
  Member& m = replica();
  m.postgres().vanish();
  m.postgres().remove();
  EXPECT_TRUE(cluster.run_until_converged(60s)) << story();
  EXPECT_TRUE(said("bootstrapped from leader"));
}

TEST_F(Scenario, a_replica_cut_off_from_everybody_never_leads) {
  Member& m = replica();
  for (Endpoint other = 0; other <= cluster.size(); ++other)
    if (other != m.host()) world().partition(m.host(), other, true);
  Member& old = leader();
  world().run_for(120s);
  EXPECT_EQ(cluster.primary(), &old);
  EXPECT_TRUE(m.postgres().in_recovery());
}

TEST_F(Scenario, while_the_store_is_down_nobody_leads_and_the_old_leader_returns) {
  cluster.store().set_up(false);
  until([&] { return cluster.primary() == nullptr; }, cluster.options().ttl);
  world().run_for(60s);
  for (Endpoint host = 1; host <= cluster.size(); ++host)
    EXPECT_FALSE(cluster.member(host).postgres().can_commit()) << story();
  cluster.store().set_up(true);
  EXPECT_TRUE(cluster.run_until_converged(cluster.options().ttl + 2 * cluster.options().loop_wait))
      << story();
}

TEST_F(Scenario, a_host_cloned_with_its_name_never_leads_beside_the_first) {
  Member& old = leader();
  Member& copy = cluster.add(old.name());
  copy.disk().files = old.disk().files;
  copy.disk().files.erase("/data.tanist/session");
  copy.postgres().finish_copy(old.postgres());
  cluster.restart_on_failure = false;
  copy.start();
  world().run_for(30s);
  EXPECT_EQ(copy.exit_code(), 1) << story();
  EXPECT_TRUE(said("there is already a node named")) << story();
  EXPECT_EQ(cluster.primary(), &old);
  EXPECT_FALSE(copy.postgres().can_commit());
}

/// All were stopped at once: nobody was there to take over, and the former leader alone has its last commits.
struct AllStopped : Scenario {
  void stop_all() {
    Member& old = leader();
    for (Endpoint other = 1; other <= cluster.size(); ++other)
      if (other != old.host()) world().partition(old.host(), other, true);
    world().run_for(2s);
    for (Endpoint host = 1; host <= cluster.size(); ++host) cluster.member(host).sigterm();
    world().run_for(30s, [&] { return stopped(); });
    ASSERT_TRUE(stopped()) << story();
    world().run_for(cluster.options().ttl + 1s);
    world().heal_network();
  }
  bool stopped() {
    for (Endpoint host = 1; host <= cluster.size(); ++host)
      if (!cluster.member(host).exit_code()) return false;
    return true;
  }
};

TEST_F(AllStopped, the_former_leader_is_waited_for_while_it_starts_and_nothing_is_lost) {
  Member& old = leader();
  stop_all();
  old.postgres().timing.launch = 5s;
  cluster.start_all();
  until([&] { return cluster.primary() != nullptr; }, 20s);
  EXPECT_TRUE(said("waiting until its PostgreSQL answers")) << story();
  expect_everything_of(old);
  EXPECT_TRUE(cluster.run_until_converged(60s)) << story();
}

TEST_F(AllStopped, a_former_leader_that_does_not_come_up_is_not_waited_for_longer_than_ten_seconds) {
  Member& old = leader();
  stop_all();
  old.postgres().timing.launch = 10min;
  cluster.start_all();
  const auto took = until([&] { return cluster.primary() != nullptr; }, 60s);
  EXPECT_LE(took, 15s) << story();
  EXPECT_NE(cluster.primary(), &old);
  old.postgres().timing.launch = 20ms;
  old.lose_power();
  old.start();
  EXPECT_TRUE(cluster.run_until_converged(90s)) << story();
}

TEST_F(Scenario, a_cloned_host_that_cannot_see_the_first_waits_for_its_session_to_end) {
  Member& old = leader();
  Member& copy = cluster.add(old.name());
  copy.postgres().finish_copy(old.postgres());
  world().partition(copy.host(), old.host(), true);
  cluster.restart_on_failure = false;
  copy.start();
  world().run_for(90s);
  EXPECT_EQ(cluster.primary(), &old);
  EXPECT_FALSE(copy.postgres().can_commit()) << story();
}

/// The parameter tells how many milliseconds after its first snapshot the daemon loses the store.
class WithoutGuardian : public ::testing::TestWithParam<int> {};

TEST_P(WithoutGuardian, a_restarted_daemon_that_loses_the_store_again_stops_its_primary_in_time) {
  Options options;
  options.guardian = false;
  options.ttl = 9s;
  options.loop_wait = 1s;
  options.retry_timeout = 3s;
  Cluster cluster(77, options);
  cluster.start_all();
  ASSERT_TRUE(cluster.run_until_converged(120s)) << cluster.shape();
  Member& old = *cluster.primary();
  old.crash();
  cluster.world().run_for(50ms);
  old.start();
  cluster.world().run_for(10s, [&] { return old.snapshot() != nullptr; });
  ASSERT_TRUE(old.snapshot());
  cluster.world().run_for(GetParam() * 1ms);
  cluster.world().partition(old.host(), kStore, true);
  cluster.world().run_for(60s);
  EXPECT_TRUE(cluster.ok()) << cluster.report(60);
}
INSTANTIATE_TEST_SUITE_P(EveryMoment, WithoutGuardian, ::testing::Range(0, 30));

/// The parameter tells how many tenths of a second after the store was lost the daemon is restarted.
class RestartedAlone : public ::testing::TestWithParam<int> {};

TEST_P(RestartedAlone, a_daemon_restarted_without_the_store_stops_its_primary_before_another_leads) {
  Options options;
  options.guardian = false;
  options.ttl = 20s;
  options.loop_wait = 2s;
  options.retry_timeout = 3s;
  Cluster cluster(78, options);
  cluster.start_all();
  ASSERT_TRUE(cluster.run_until_converged(120s)) << cluster.shape();
  Member& old = *cluster.primary();
  cluster.world().partition(old.host(), kStore, true);
  cluster.world().run_for(GetParam() * 100ms);
  old.crash();
  cluster.world().run_for(200ms);
  old.start();
  cluster.world().run_for(60s);
  EXPECT_TRUE(cluster.ok()) << cluster.report(60);
  EXPECT_FALSE(old.postgres().can_commit());
  EXPECT_NE(cluster.primary(), nullptr);
  cluster.world().partition(old.host(), kStore, false);
  EXPECT_TRUE(cluster.run_until_converged(120s)) << cluster.shape() << cluster.report(60);
}
INSTANTIATE_TEST_SUITE_P(EveryMoment, RestartedAlone, ::testing::Range(0, 140, 7));

TEST(RestartedAloneInTime, a_daemon_that_finds_the_store_soon_keeps_its_primary) {
  Options options;
  options.guardian = false;
  Cluster cluster(79, options);
  cluster.start_all();
  ASSERT_TRUE(cluster.run_until_converged(120s)) << cluster.shape();
  Member& old = *cluster.primary();
  const Time started = old.postgres().started_at();
  cluster.world().partition(old.host(), kStore, true);
  old.crash();
  cluster.world().run_for(200ms);
  old.start();
  cluster.world().run_for(8s);
  EXPECT_TRUE(old.postgres().can_commit()) << "the lease that was noted has not ended yet";
  cluster.world().partition(old.host(), kStore, false);
  cluster.world().run_for(30s);
  EXPECT_EQ(cluster.primary(), &old);
  EXPECT_EQ(old.postgres().started_at(), started);
}

TEST(Simulator, two_primaries_are_seen_where_nothing_fences) {
  Options options;
  options.guardian = false;
  Cluster cluster(5, options);
  cluster.start_all();
  ASSERT_TRUE(cluster.run_until_converged(120s)) << cluster.shape();
  cluster.excuse_what_cannot_run = false;
  cluster.primary()->sigstop();
  cluster.world().run_for(120s);
  EXPECT_FALSE(cluster.ok()) << "a daemon that sleeps past its lease, and nobody who acts for it";
}

TEST(Simulator, an_exact_replay_gives_the_same_events) {
  const auto events = [](std::uint64_t seed) {
    Cluster cluster(seed);
    cluster.start_all();
    cluster.world().run_for(60s);
    return cluster.world().recent(4000);
  };
  EXPECT_EQ(events(8), events(8));
  EXPECT_NE(events(8), events(9));
}

/// A host whose way to the store leads to another one, empty and alive, and whose peers cannot ask it.
class TwoStores : public Scenario {
 protected:
  void lead_elsewhere(Member& m, bool elsewhere) {
    m.store_faults().elsewhere = elsewhere ? &other : nullptr;
    for (Endpoint host = 1; host <= cluster.size(); ++host) {
      if (host == m.host()) continue;
      world().partition(m.host(), host, elsewhere);
      world().partition(host, m.host(), elsewhere);
    }
  }
  void expect_nothing_in_the_other_store() {
    EXPECT_TRUE(other.snapshot()->unlocked());
    EXPECT_FALSE(other.snapshot()->initialize.present);
  }

  StoreServer other{world(), 0, "store 2"};
};

TEST_F(TwoStores, a_leader_does_not_lead_in_the_one_that_was_never_its_own) {
  Member& old = leader();
  lead_elsewhere(old, true);
  until([&] { return cluster.primary() && cluster.primary() != &old; }, cluster.options().ttl + 5s);
  EXPECT_FALSE(old.postgres().can_commit());
  world().run_for(60s);
  expect_nothing_in_the_other_store();
  lead_elsewhere(old, false);
  EXPECT_TRUE(cluster.run_until_converged(120s)) << story();
}

TEST_F(TwoStores, a_restarted_daemon_that_finds_its_primary_does_not_lead_in_the_other) {
  Member& old = leader();
  old.crash();
  lead_elsewhere(old, true);
  world().run_for(1s);
  old.start();
  until([&] { return cluster.primary() && cluster.primary() != &old; }, cluster.options().ttl + 5s);
  EXPECT_FALSE(old.postgres().can_commit());
  world().run_for(60s);
  expect_nothing_in_the_other_store();
  lead_elsewhere(old, false);
  EXPECT_TRUE(cluster.run_until_converged(120s)) << story();
}

}  // namespace
}  // namespace tanist::sim
