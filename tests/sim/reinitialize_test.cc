#include "core/format.h"
#include "scenario.h"

/// New copies on request: what becomes of the data, and of who asked.
namespace tanist::sim {
namespace {

namespace order = ha::order;

class Reinitialize : public Scenario {
 protected:
  using Outcome = order::Reinitialize::Answer::Outcome;

  void ask(Member& m, bool force = false, bool from_leader = false) {
    answer.reset();
    removals = removed_times();
    m.order(order::Reinitialize{.force = force, .from_leader = from_leader, .deadline = m.now() + 60s},
            [this](order::Reinitialize::Answer given) { answer = std::move(given); });
  }
  Outcome answered(Duration limit = 30s) {
    until([this] { return answer.has_value(); }, limit);
    return answer ? answer->outcome : Outcome::refused;
  }
  std::size_t removed_times() {
    const auto lines = world().recent(100'000);
    return static_cast<std::size_t>(std::ranges::count_if(lines, [](const std::string& line) {
      return line.find("data directory removed: an operator") != std::string::npos;
    }));
  }
  bool removed() { return removed_times() > removals; }
  void cut_from_members(Member& m, bool cut) {
    for (Endpoint other = 1; other <= cluster.size(); ++other)
      if (other != m.host()) world().partition(m.host(), other, cut);
  }
  void expect_all_well(const std::string& what = {}) {
    ASSERT_TRUE(cluster.run_until_converged(cluster.options().ttl + 60s)) << what << "\n" << story();
    ASSERT_TRUE(cluster.ok()) << what << "\n" << cluster.report(60);
  }

  std::optional<order::Reinitialize::Answer> answer;
  std::size_t removals = 0;
};

TEST_F(Reinitialize, a_replica_gets_a_new_copy_and_streams) {
  Member& m = replica();
  const Member& old = leader();
  ask(m);
  EXPECT_EQ(answered(5s), Outcome::started) << story();
  until([&] { return m.snapshot()->state == postgres::State::creating_replica; }, 2s);
  EXPECT_EQ(m.snapshot()->operation->name, "reinitialize");
  EXPECT_TRUE(removed());
  expect_all_well();
  EXPECT_EQ(cluster.primary(), &old);
}

TEST_F(Reinitialize, a_leader_refuses_and_goes_on) {
  Member& old = leader();
  const Time started = old.postgres().started_at();
  ask(old, true);
  EXPECT_EQ(answered(5s), Outcome::refused);
  EXPECT_EQ(answer->why, "I am the leader, can not reinitialize");
  world().run_for(10s);
  EXPECT_EQ(old.postgres().started_at(), started);
  EXPECT_EQ(cluster.primary(), &old);
}

TEST_F(Reinitialize, without_a_source_nothing_is_stopped_or_removed) {
  Member& m = replica();
  const Time started = m.postgres().started_at();
  cut_from_members(m, true);
  ask(m, true);
  EXPECT_EQ(answered(), Outcome::refused);
  EXPECT_NE(answer->why.find("nobody can give a copy, the data directory is kept"), std::string::npos);
  EXPECT_EQ(m.postgres().started_at(), started);
  EXPECT_FALSE(removed());
  cut_from_members(m, false);
  expect_all_well();
}

TEST_F(Reinitialize, what_runs_is_ended_only_by_force) {
  Member& m = replica();
  m.postgres().timing.clone_max = 200s;
  ask(m);
  EXPECT_EQ(answered(), Outcome::started);
  world().run_for(500ms);
  ask(m);
  EXPECT_EQ(answered(), Outcome::refused);
  EXPECT_EQ(answer->why, "reinitialize already in progress");
  m.postgres().timing.clone_max = 1s;
  ask(m, true);
  EXPECT_EQ(answered(), Outcome::started) << story();
  expect_all_well();
}

TEST_F(Reinitialize, force_ends_a_start_that_hangs) {
  Member& m = replica();
  m.postgres().timing.launch = 1000s;
  m.postgres().crash_postmaster();
  until([&] { return m.snapshot()->operation.has_value(); }, 20s);
  ask(m);
  EXPECT_EQ(answered(), Outcome::refused);
  ask(m, true);
  EXPECT_EQ(answered(), Outcome::started) << story();
  m.postgres().timing.launch = 20ms;
  expect_all_well();
}

TEST_F(Reinitialize, a_daemon_killed_at_any_moment_comes_back_as_a_replica) {
  for (int step = 0; step < 16; ++step) {
    Member& m = replica();
    m.postgres().timing.clone_max = 400ms;
    ask(m);
    world().run_for(25ms * step);
    m.crash();
    world().run_for(500ms);
    m.start();
    expect_all_well(fmt::format("killed in step {}", step));
  }
}

/// PostgreSQL does not stop at once, and meanwhile the leader is lost: what this member has is needed.
TEST_F(Reinitialize, a_leader_lost_before_the_removal_is_succeeded_with_the_data_that_was_kept) {
  Member& old = leader();
  Member& m = replica();
  for (Endpoint host = 1; host <= cluster.size(); ++host)
    if (&cluster.member(host) != &old && &cluster.member(host) != &m) cluster.member(host).lose_power();
  m.postgres().freeze(true);
  ask(m);
  world().run_for(1s);
  old.lose_power();
  EXPECT_EQ(answered(60s), Outcome::refused) << story();
  EXPECT_FALSE(removed()) << story();
  // What the leader wrote once this member was stopped only the leader has.
  until([&] { return cluster.primary() == &m; }, 2 * cluster.options().ttl);
  for (Endpoint host = 1; host <= cluster.size(); ++host) cluster.member(host).start();
  expect_all_well();
}

TEST_F(Reinitialize, a_daemon_that_is_held_up_does_not_remove_on_what_it_saw_before) {
  for (int step = 0; step < 12; ++step) {
    Member& m = replica();
    m.postgres().timing.clone_max = 400ms;
    ask(m);
    world().run_for(20ms * step);
    m.sigstop();
    world().run_for(40s);
    m.sigcont();
    expect_all_well(fmt::format("stopped in step {}", step));
  }
}

TEST_F(Reinitialize, several_at_once_end_well) {
  for (Endpoint host = 1; host <= cluster.size(); ++host) {
    Member& m = cluster.member(host);
    if (&m == &leader()) continue;
    m.order(order::Reinitialize{.force = false, .from_leader = false, .deadline = m.now() + 60s});
    m.order(order::Reinitialize{.force = true, .from_leader = true, .deadline = m.now() + 60s});
  }
  until([this] { return cluster.orders().settled(); }, 60s);
  EXPECT_EQ(cluster.orders().broken(), "");
  expect_all_well();
}

}  // namespace
}  // namespace tanist::sim
