#include "core/format.h"
#include "scenario.h"

/// Restarts on request: what becomes of the lock, and of who asked.
namespace tanist::sim {
namespace {

namespace order = ha::order;
using Outcome = order::Restart::Answer::Outcome;
using Scheduled = order::ScheduleRestart::Outcome;
using Dropped = order::DropScheduledRestart::Outcome;

class Restarts : public Scenario {
 protected:
  /// The answer is kept in `answer`.
  void restart(Member& m, order::Restart order = {}) {
    answer.reset();
    m.order(std::move(order), [this](order::Restart::Answer given) { answer = std::move(given); });
  }
  Outcome answered(Duration limit = 30s) {
    until([this] { return answer.has_value(); }, limit);
    return answer ? answer->outcome : Outcome::refused;
  }
  /// What is answered at once.
  template <class Order>
  std::optional<typename Order::Answer> asked(Member& m, Order order) {
    std::optional<typename Order::Answer> out;
    m.order(std::move(order), [&](typename Order::Answer given) { out = given; });
    until([&] { return out.has_value(); }, 1s);
    return out;
  }
  static order::ScheduleRestart after(const Member& m, Duration pause) {
    return {.restart = {}, .at = m.wall_now() + std::chrono::duration_cast<std::chrono::microseconds>(pause)};
  }

  std::optional<order::Restart::Answer> answer;
};

TEST_F(Restarts, a_restarted_leader_keeps_the_key_and_its_timeline) {
  Member& old = leader();
  const Time started = old.postgres().started_at();
  const auto changes = cluster.store().lock_changes();
  const auto timeline = old.postgres().timeline();
  restart(old);
  EXPECT_EQ(answered(), Outcome::done) << story();
  EXPECT_GT(old.postgres().started_at(), started);
  EXPECT_EQ(old.postgres().timeline(), timeline);
  EXPECT_TRUE(cluster.run_until_converged(30s)) << story();
  EXPECT_EQ(cluster.primary(), &old);
  EXPECT_EQ(cluster.store().lock_changes(), changes);
}

TEST_F(Restarts, a_restarted_replica_streams_again) {
  Member& m = replica();
  const Time started = m.postgres().started_at();
  restart(m);
  EXPECT_EQ(answered(), Outcome::done) << story();
  EXPECT_GT(m.postgres().started_at(), started);
  EXPECT_TRUE(m.postgres().in_recovery());
  EXPECT_TRUE(cluster.run_until_converged(30s)) << story();
}

TEST_F(Restarts, a_leader_that_does_not_come_up_again_gives_the_key_away) {
  Member& old = leader();
  old.postgres().failing_starts = 1;
  restart(old);
  EXPECT_EQ(answered(), Outcome::failed) << story();
  until([&] { return cluster.primary() && cluster.primary() != &old; }, 20s);
  EXPECT_TRUE(cluster.run_until_converged(60s)) << story();
}

TEST_F(Restarts, a_leader_that_starts_longer_than_the_request_allows_is_replaced) {
  Member& old = leader();
  old.postgres().timing.launch = 100s;
  restart(old, {.timeout = 5s});
  EXPECT_EQ(answered(), Outcome::still_starting) << story();
  old.postgres().timing.launch = 20ms;
  until([&] { return cluster.primary() && cluster.primary() != &old; }, 30s);
  EXPECT_TRUE(cluster.run_until_converged(60s)) << story();
}

TEST_F(Restarts, a_second_request_is_refused_while_the_first_is_carried_out) {
  Member& m = replica();
  m.postgres().timing.launch = 3s;
  restart(m);
  world().run_for(500ms);
  EXPECT_EQ(asked(m, order::Restart{})->why, "restart already in progress");
  EXPECT_EQ(answered(), Outcome::done);
}

TEST_F(Restarts, a_daemon_killed_at_any_moment_of_a_restart_leaves_a_cluster_that_finds_together) {
  for (int step = 0; step < 12; ++step) {
    Member& old = leader();
    old.postgres().timing.launch = 200ms;
    old.order(order::Restart{});
    world().run_for(30ms * step);
    old.crash();
    world().run_for(500ms);
    old.start();
    ASSERT_TRUE(cluster.run_until_converged(cluster.options().ttl + 60s)) << "killed in step " << step << "\n"
                                                                          << story();
    ASSERT_TRUE(cluster.ok()) << cluster.report(60);
  }
}

TEST_F(Restarts, a_lost_lease_in_the_middle_ends_with_another_primary) {
  Member& old = leader();
  old.postgres().timing.launch = 2s;
  restart(old);
  world().run_for(600ms);
  cluster.excuse_holder();
  cluster.store().delete_leader_by_hand();
  EXPECT_TRUE(cluster.run_until_converged(cluster.options().ttl + 60s)) << story();
}

TEST_F(Restarts, a_schedule_is_kept_until_its_time_and_carried_out_once) {
  Member& m = replica();
  const Time started = m.postgres().started_at();
  EXPECT_EQ(asked(m, after(m, 25s)), Scheduled::scheduled);
  EXPECT_EQ(asked(m, after(m, 50s)), Scheduled::scheduled_already);
  EXPECT_TRUE(m.snapshot()->scheduled_restart);
  world().run_for(23s);
  EXPECT_EQ(m.postgres().started_at(), started);
  world().run_for(4s);
  const Time again = m.postgres().started_at();
  EXPECT_GT(again, started) << story();
  world().run_for(60s);
  EXPECT_EQ(m.postgres().started_at(), again);
  EXPECT_FALSE(m.snapshot()->scheduled_restart);
}

TEST_F(Restarts, a_schedule_outlives_the_daemon_and_is_carried_out_once) {
  Member& m = replica();
  const Time started = m.postgres().started_at();
  EXPECT_EQ(asked(m, after(m, 25s)), Scheduled::scheduled);
  m.crash();
  world().run_for(2s);
  m.start();
  until([&] { return m.snapshot() && m.snapshot()->scheduled_restart; }, 10s);
  EXPECT_EQ(asked(m, after(m, 50s)), Scheduled::scheduled_already);
  EXPECT_EQ(m.postgres().started_at(), started);
  until([&] { return m.postgres().started_at() > started; }, 30s);
  const Time again = m.postgres().started_at();
  m.crash();
  m.start();
  world().run_for(60s);
  EXPECT_EQ(m.postgres().started_at(), again);
  EXPECT_FALSE(m.snapshot()->scheduled_restart);
}

TEST_F(Restarts, a_daemon_killed_in_the_middle_of_a_scheduled_restart_goes_on_or_has_done_it) {
  for (int step = 0; step < 8; ++step) {
    Member& m = replica();
    m.postgres().timing.launch = 200ms;
    const Time started = m.postgres().started_at();
    EXPECT_EQ(asked(m, after(m, 2s)), Scheduled::scheduled);
    until([&] { return m.snapshot()->operation.has_value(); }, 5s);
    world().run_for(20ms * step);
    m.crash();
    world().run_for(500ms);
    m.start();
    until([&] { return m.postgres().started_at() > started; }, 15s);
    ASSERT_TRUE(cluster.run_until_converged(60s)) << "killed in step " << step << "\n" << story();
    const Time again = m.postgres().started_at();
    world().run_for(30s);
    EXPECT_EQ(m.postgres().started_at(), again) << "killed in step " << step << "\n" << story();
  }
}

TEST_F(Restarts, a_schedule_is_over_where_postgres_was_restarted_while_no_daemon_ran) {
  Member& m = replica();
  EXPECT_EQ(asked(m, after(m, 40s)), Scheduled::scheduled);
  m.lose_power();
  world().run_for(2s);
  m.start();
  EXPECT_TRUE(cluster.run_until_converged(60s)) << story();
  const Time started = m.postgres().started_at();
  world().run_for(60s);
  EXPECT_EQ(m.postgres().started_at(), started);
  EXPECT_TRUE(said("Cancelling scheduled restart: postgres restart has already happened at")) << story();
}

TEST_F(Restarts, a_schedule_whose_time_passed_while_no_daemon_ran_is_told_and_gone) {
  Member& m = replica();
  const Time started = m.postgres().started_at();
  EXPECT_EQ(asked(m, after(m, 5s)), Scheduled::scheduled);
  m.crash();
  world().run_for(60s);
  m.start();
  until([&] { return said("Found a stale restart value, cleaning up: "); }, 30s);
  EXPECT_EQ(m.postgres().started_at(), started);
}

TEST_F(Restarts, what_cannot_be_noted_is_not_scheduled) {
  Member& m = replica();
  const Time started = m.postgres().started_at();
  m.disk().hung = true;
  std::optional<order::ScheduleRestart::Answer> refused;
  m.order(after(m, 10s), [&](order::ScheduleRestart::Answer given) { refused = std::move(given); });
  until([&] { return refused.has_value(); }, 20s);
  ASSERT_FALSE(refused->has_value());
  EXPECT_NE(refused->error().find("it could not be noted"), std::string::npos);
  m.disk().hung = false;
  world().run_for(2 * cluster.options().loop_wait);
  m.crash();
  m.start();
  world().run_for(60s);
  EXPECT_EQ(m.postgres().started_at(), started) << story();
  EXPECT_FALSE(m.snapshot()->scheduled_restart);
}

TEST_F(Restarts, a_withdrawn_schedule_is_not_carried_out) {
  Member& m = replica();
  const Time started = m.postgres().started_at();
  EXPECT_EQ(asked(m, after(m, 5s)), Scheduled::scheduled);
  EXPECT_EQ(asked(m, order::DropScheduledRestart{}), Dropped::dropped);
  world().run_for(20s);
  EXPECT_EQ(m.postgres().started_at(), started);
  EXPECT_EQ(asked(m, order::DropScheduledRestart{}), Dropped::none_scheduled);
}

}  // namespace
}  // namespace tanist::sim
