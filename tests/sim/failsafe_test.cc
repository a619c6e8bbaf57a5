#include <random>

#include "core/format.h"
#include "scenario.h"

/// A primary without a store leads on for as long as all others let it (ha.md §12).
namespace tanist::sim {
namespace {

Options failsafe_options() {
  Options o;
  o.failsafe = true;
  o.ttl = 20s;
  o.loop_wait = 5s;
  o.retry_timeout = 5s;
  return o;
}

class Failsafe : public Scenario {
 protected:
  explicit Failsafe(Options options = failsafe_options()) : Scenario(std::move(options)) {}

  std::size_t commits() { return cluster.wal().acknowledged().size(); }
  /// It acknowledges commits all the time.
  void leads_on_for(Member& primary, Duration time) {
    for (const Time end = world().now() + time; world().now() < end;) {
      const auto before = commits();
      world().run_for(3s);
      ASSERT_TRUE(primary.postgres().can_commit()) << story();
      ASSERT_GT(commits(), before) << story();
    }
  }
  bool all_follow() {
    return std::ranges::all_of(others, [](Member* m) { return m->postgres().in_recovery(); });
  }
  void SetUp() override {
    Scenario::SetUp();
    for (Endpoint host = 1; host <= cluster.size(); ++host)
      if (&cluster.member(host) != &leader()) others.push_back(&cluster.member(host));
  }
  bool active(Member& m) {
    const auto s = m.snapshot();
    return s && m.now() < s->failsafe_until;
  }
  /// Of the start.
  std::vector<Member*> others;
};

TEST_F(Failsafe, without_the_store_the_primary_leads_on_and_takes_its_key_back) {
  Member& primary = leader();
  cluster.store().set_up(false);
  leads_on_for(primary, 4 * cluster.options().ttl);
  EXPECT_TRUE(active(primary)) << story();
  for (Member* m : others) EXPECT_TRUE(active(*m)) << story();
  cluster.store().set_up(true);
  until([&] { return cluster.key_holder() == &primary; }, 15s);
  leads_on_for(primary, 2 * cluster.options().ttl);
  EXPECT_FALSE(active(primary)) << story();
}

TEST_F(Failsafe, one_member_that_does_not_agree_is_enough_to_step_back) {
  Member& primary = leader();
  cluster.store().set_up(false);
  leads_on_for(primary, cluster.options().ttl);
  others[0]->crash();
  until([&] { return !primary.postgres().can_commit(); }, cluster.options().ttl);
  EXPECT_TRUE(said("not all members let this one lead on")) << story();
  cluster.store().set_up(true);
  until([&] { return cluster.primary() != nullptr; }, 60s);
}

TEST_F(Failsafe, one_that_is_cut_from_the_primary_alone_is_enough_as_well) {
  Member& primary = leader();
  world().partition(primary.host(), others[0]->host(), true);
  cluster.store().set_up(false);
  until([&] { return !primary.postgres().can_commit(); }, cluster.options().ttl);
}

/// The others reach the store, and see nobody there: they have promised.
TEST_F(Failsafe, who_has_promised_follows_the_primary_that_only_it_can_see) {
  Member& primary = leader();
  world().partition(primary.host(), kStore, true);
  leads_on_for(primary, 4 * cluster.options().ttl);
  EXPECT_EQ(cluster.key_holder(), nullptr) << story();
  EXPECT_TRUE(all_follow()) << story();
  world().partition(primary.host(), kStore, false);
  until([&] { return cluster.key_holder() == &primary; }, 15s);
}

TEST_F(Failsafe, once_the_primary_asks_no_more_the_others_lead_after_a_ttl) {
  Member& primary = leader();
  world().partition(primary.host(), kStore, true);
  leads_on_for(primary, 2 * cluster.options().ttl);
  primary.lose_power();
  const Duration took = until([&] { return cluster.primary() != nullptr; }, 60s);
  EXPECT_GE(took, cluster.options().ttl - cluster.options().loop_wait);
  EXPECT_LE(took, cluster.options().ttl + cluster.options().loop_wait + 2s) << story();
}

TEST_F(Failsafe, a_promise_outlives_the_daemon_that_gave_it) {
  Member& primary = leader();
  world().partition(primary.host(), kStore, true);
  leads_on_for(primary, 2 * cluster.options().ttl);
  // Nobody asks again: what was promised last counts, also of daemons that are new, and hosts.
  for (Member* m : others) world().partition(primary.host(), m->host(), true);
  others[0]->crash();
  others[0]->start();
  others[1]->lose_power();
  others[1]->start();
  const Time cut = world().now();
  until([&] { return cluster.primary() && cluster.primary() != &primary; }, 90s);
  EXPECT_GE(world().now() - cut, cluster.options().ttl - cluster.options().loop_wait) << story();
}

TEST_F(Failsafe, a_postmaster_that_crashes_meanwhile_is_started_again_where_it_is) {
  Member& primary = leader();
  cluster.store().set_up(false);
  leads_on_for(primary, 2 * cluster.options().ttl);
  primary.postgres().crash_postmaster();
  until([&] { return primary.postgres().process() == postgres::Process::none; }, 20s);
  until([&] { return primary.postgres().can_commit(); }, 20s);
  leads_on_for(primary, 2 * cluster.options().ttl);
}

TEST_F(Failsafe, a_new_member_counts_before_it_may_lead) {
  Member& primary = leader();
  Member& added = cluster.add("n4");
  added.start();
  ASSERT_TRUE(cluster.run_until_converged(60s)) << story();
  world().run_for(2 * cluster.options().loop_wait);
  cluster.store().set_up(false);
  leads_on_for(primary, 2 * cluster.options().ttl);
  added.lose_power();
  until([&] { return !primary.postgres().can_commit(); }, cluster.options().ttl);
}

TEST_F(Failsafe, in_pause_nobody_is_asked_and_nothing_stops) {
  Member& primary = leader();
  Document dynamic = cluster.options().dynamic();
  dynamic.set("pause", true);
  (void)cluster.store().write(dcs::ConfigRecord{dynamic}, dcs::Always{});
  world().run_for(3 * cluster.options().loop_wait);
  cluster.store().set_up(false);
  leads_on_for(primary, 3 * cluster.options().ttl);
  EXPECT_FALSE(active(primary));
}

class AloneInFailsafe : public Failsafe {
 protected:
  static Options alone() {
    Options o = failsafe_options();
    o.members = 1;
    return o;
  }
  AloneInFailsafe() : Failsafe(alone()) {}
};

TEST_F(AloneInFailsafe, who_is_the_only_member_needs_nobody) {
  Member& primary = leader();
  cluster.store().set_up(false);
  leads_on_for(primary, 4 * cluster.options().ttl);
  cluster.store().set_up(true);
  until([&] { return cluster.key_holder() != nullptr; }, 15s);
}

TEST(FailsafeSeeds, no_two_primaries_and_nothing_promised_is_lost) {
  const int runs = std::getenv("TANIST_SOAK") ? 600 : 40;
  constexpr int kFaults = 60;
  const std::uint64_t first = std::random_device()() * 1000ULL;
  std::uint64_t faults = 0;
  for (int i = 0; i < runs; ++i) {
    const auto result =
        run_seed(first + i, kFaults, &kStoreModels.at(static_cast<std::size_t>(i) % kStoreModels.size()),
                 Draw::failsafe);
    faults += result.counts.faults;
    ASSERT_TRUE(result.ok) << result.report;
  }
  std::cout << fmt::format("failsafe seeds: {} runs from {}, {} faults\n", runs, first, faults);
}

}  // namespace
}  // namespace tanist::sim
