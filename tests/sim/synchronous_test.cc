#include "scenario.h"

/// Commits that are promised to survive whoever acknowledged them, and what that costs when a standby dies.
namespace tanist::sim {
namespace {

using SyncMode = config::Dynamic::SyncMode;

Options in_mode(SyncMode mode, bool strict = false, int members = 3, int nodes = 1) {
  Options o;
  o.members = members;
  o.synchronous = mode;
  o.synchronous_strict = strict;
  o.synchronous_node_count = nodes;
  return o;
}

class Synchronous : public Scenario {
 protected:
  explicit Synchronous(Options options) : Scenario(options) {}

  dcs::SyncState sync() { return cluster.store().snapshot()->sync; }
  std::size_t commits() { return cluster.wal().acknowledged().size(); }
  /// A standby that commits wait for.
  Member& voter() {
    for (Endpoint host = 1; host <= cluster.size(); ++host)
      if (sync().is_voter(cluster.member(host).name())) return cluster.member(host);
    throw std::logic_error("no voter\n" + story());
  }
  Member& bystander() {
    for (Endpoint host = 1; host <= cluster.size(); ++host)
      if (!sync().is_member(cluster.member(host).name())) return cluster.member(host);
    throw std::logic_error("everybody is in /sync\n" + story());
  }
  void set(const std::string& key, Document value) {
    Document data = cluster.store().snapshot()->config.data;
    data.set(key, std::move(value));
    (void)cluster.store().write(dcs::ConfigRecord{std::move(data)}, dcs::Always{});
  }
  /// Until the next commit is acknowledged.
  Duration silence() {
    const auto before = commits();
    return until([&] { return commits() > before; }, 60s);
  }
};

class Priority : public Synchronous {
 protected:
  Priority() : Synchronous(in_mode(SyncMode::on)) {}
};

TEST_F(Priority, one_standby_is_waited_for_and_listed) {
  EXPECT_EQ(sync().leader, leader().name()) << story();
  EXPECT_EQ(sync().voters.size(), 1u) << story();
  EXPECT_EQ(leader().postgres().standby_names(), sync().voters.front()) << story();
}

TEST_F(Priority, commits_go_on_at_once_when_the_process_of_the_standby_dies) {
  Member& first = voter();
  first.crash();
  first.postgres().crash_postmaster();
  EXPECT_LT(silence(), 500ms) << story();
  const Duration took =
      until([&] { return sync().voters.size() == 1 && !sync().is_voter(first.name()); }, 20s);
  EXPECT_LT(took, 2s) << story();
}

TEST_F(Priority, commits_go_on_before_the_walsender_gives_up_on_a_host_that_is_gone) {
  Member& gone = voter();
  for (Endpoint host = 1; host <= cluster.size(); ++host)
    if (host != gone.host()) world().partition(host, gone.host(), true);
  world().partition(kStore, gone.host(), true);
  // It is seen to stand still from the next cycle on.
  EXPECT_LT(silence(), 2 * cluster.options().loop_wait + 3s) << story();
}

TEST_F(Priority, only_the_synchronous_standby_leads_after_the_primary_is_lost) {
  Member& old = leader();
  Member& next = voter();
  old.lose_power();
  until([&] { return cluster.primary() == &next; }, 60s);
  EXPECT_EQ(sync().leader, next.name()) << story();
  old.start();
  ASSERT_TRUE(cluster.run_until_converged(60s)) << story();
  until([&] { return sync().voters.size() == 1; }, 20s);
}

TEST_F(Priority, nobody_leads_when_primary_and_synchronous_standby_are_lost) {
  Member& old = leader();
  Member& sync_standby = voter();
  Member& other = bystander();
  old.lose_power();
  sync_standby.lose_power();
  world().run_for(90s);
  EXPECT_EQ(cluster.primary(), nullptr) << story();
  EXPECT_FALSE(other.postgres().can_commit()) << story();
  sync_standby.start();
  until([&] { return cluster.primary() == &sync_standby; }, 60s);
}

TEST_F(Priority, to_quorum_and_back_and_off_loses_nothing_on_the_way) {
  set("synchronous_mode", "quorum");
  until([&] { return sync().voters.size() == 2 && sync().quorum == 1; }, 30s);
  Member& old = leader();
  old.lose_power();
  until([&] { return cluster.primary() != nullptr && cluster.primary() != &old; }, 60s);
  old.start();
  ASSERT_TRUE(cluster.run_until_converged(60s)) << story();
  set("synchronous_mode", true);
  until([&] { return sync().voters.size() == 1 && sync().quorum == 0; }, 30s);
  set("synchronous_mode", false);
  until([&] { return !sync().active() && leader().postgres().standby_names().empty(); }, 30s);
}

class Strict : public Synchronous {
 protected:
  Strict() : Synchronous(in_mode(SyncMode::on, true)) {}
};

TEST_F(Strict, no_commit_is_acknowledged_without_a_standby) {
  for (Endpoint host = 1; host <= cluster.size(); ++host)
    if (&cluster.member(host) != &leader()) cluster.member(host).lose_power();
  world().run_for(10s);
  const auto before = commits();
  world().run_for(30s);
  EXPECT_EQ(commits(), before) << story();
  replica().start();
  until([&] { return commits() > before; }, 60s);
}

class Quorum : public Synchronous {
 protected:
  Quorum() : Synchronous(in_mode(SyncMode::quorum, false, 5, 2)) {}
};

TEST_F(Quorum, any_two_of_four_are_waited_for_and_two_answers_elect) {
  EXPECT_EQ(sync().voters.size(), 4u) << story();
  EXPECT_EQ(sync().quorum, 2) << story();
  EXPECT_TRUE(leader().postgres().standby_names().starts_with("ANY 2 (")) << story();
}

TEST_F(Quorum, commits_never_stop_when_one_standby_dies) {
  Member& gone = voter();
  gone.lose_power();
  EXPECT_LT(silence(), 500ms) << story();
  until([&] { return sync().voters.size() == 3 && sync().quorum == 1; }, 60s);
}

TEST_F(Quorum, with_too_few_left_nobody_leads) {
  Member& old = leader();
  old.lose_power();
  int lost = 0;
  for (Endpoint host = 1; host <= cluster.size() && lost < 2; ++host)
    if (&cluster.member(host) != &old) {
      cluster.member(host).lose_power();
      ++lost;
    }
  // Two of four voters are left, and each has one answer of the other where two are needed.
  world().run_for(90s);
  EXPECT_EQ(cluster.primary(), nullptr) << story();
  old.start();
  until([&] { return cluster.primary() != nullptr; }, 60s);
}

}  // namespace
}  // namespace tanist::sim
