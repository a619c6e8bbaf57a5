#include "core/format.h"
#include "scenario.h"

/// A cluster that follows another one: how it begins, what happens to its leader, and both ways of changing
/// sides.
namespace tanist::sim {
namespace {

constexpr Endpoint kFirst = 51;
constexpr Endpoint kSecond = 52;

Options following() {
  Options options;
  options.follows = address_of(kFirst) + "," + address_of(kSecond);
  return options;
}

class StandbyCluster : public ::testing::Test {
 protected:
  explicit StandbyCluster(Options options = {}) : cluster(20310217, options) {}
  void TearDown() override { EXPECT_TRUE(cluster.ok()) << cluster.report(100); }

  World& world() { return cluster.world(); }
  Wal& wal() { return cluster.wal(); }
  std::string story() { return cluster.shape() + "\n" + cluster.report(80); }

  /// Runs until `done`, at most `limit`.
  void until(const std::function<bool()>& done, Duration limit) {
    world().run_for(limit, done);
    ASSERT_TRUE(done()) << story();
  }

  /// Holds the key, says that it leads, and streams from outside.
  Member* standby_leader() {
    Member* holder = cluster.key_holder();
    if (!holder || !holder->running()) return nullptr;
    const auto snapshot = holder->snapshot();
    if (!snapshot || snapshot->role != postgres::Role::standby_leader) return nullptr;
    const bool remote = holder->postgres().streaming() && holder->postgres().streaming_from() >= kFirst;
    return remote ? holder : nullptr;
  }
  /// All others stream from the standby leader, and have what the other cluster has.
  bool follows(const Postgres& remote) {
    Member* leader = standby_leader();
    if (!leader || leader->postgres().streaming_from() != remote.host()) return false;
    for (Endpoint host = 1; host <= cluster.size(); ++host) {
      Member& m = cluster.member(host);
      if (!m.running()) continue;
      const auto& p = m.postgres();
      if (&m != leader && (!p.streaming() || p.streaming_from() != leader->host())) return false;
      // It writes all the time: on its timeline, and not far behind.
      if (p.timeline() != remote.timeline() || !wal().contains(remote.disk().end, p.disk().end)) return false;
      if (remote.disk().end.lsn.value - p.disk().end.lsn.value > 100'000) return false;
    }
    return true;
  }
  void configure(const std::string& hosts) {
    Document dynamic = cluster.store().snapshot()->config.data;
    dynamic.erase("standby_cluster");
    if (!hosts.empty()) dynamic.set("standby_cluster", Document::map({{"host", hosts}}));
    (void)cluster.store().write(dcs::ConfigRecord{std::move(dynamic)}, dcs::Always{});
  }
  /// All that this host ever acknowledged is in `whole`.
  bool has_all_of(Endpoint host, const Postgres& whole) {
    return std::ranges::all_of(wal().acknowledged(), [&](const Acknowledged& commit) {
      return commit.host != host || wal().contains(whole.disk().end, commit.at);
    });
  }
  bool said_rewind() {
    return std::ranges::any_of(world().recent(4000), [](const std::string& line) {
      return line.find("pg_rewind") != std::string::npos;
    });
  }
  bool has_all_of_members(const Postgres& whole) {
    for (Endpoint host = 1; host <= cluster.size(); ++host)
      if (!has_all_of(host, whole)) return false;
    return true;
  }

  Cluster cluster;
};

/// It begins as a copy of the first of two servers that it knows of.
class FollowingCluster : public StandbyCluster {
 protected:
  FollowingCluster() : StandbyCluster(following()), first(cluster.add_remote(kFirst)) {
    first.initdb();
    first.disk().bootstrap_attempt = false;
    first.start(false, std::nullopt);
  }
  void SetUp() override {
    cluster.start_all();
    until([&] { return follows(first); }, 120s);
    world().run_for(15s);
    ASSERT_TRUE(follows(first)) << story();
  }
  Postgres& first;
};

TEST_F(FollowingCluster, copies_the_other_and_writes_nothing_itself) {
  EXPECT_EQ(standby_leader()->postgres().system_id(), first.system_id());
  EXPECT_TRUE(has_all_of_members(first));
  EXPECT_EQ(cluster.store().snapshot()->initialize.value, first.system_id());
  EXPECT_GT(cluster.store().snapshot()->status.optime.value, 0u);
  EXPECT_TRUE(cluster.store().snapshot()->history.lines.empty());
  EXPECT_EQ(cluster.counts().promotions, 0u);
}

TEST_F(FollowingCluster, fails_over_among_its_members) {
  Member* old = standby_leader();
  old->lose_power();
  until([&] { return standby_leader() && standby_leader() != old && follows(first); },
        cluster.options().ttl + 30s);
  old->start();
  until([&] { return follows(first); }, 60s);
  EXPECT_EQ(cluster.counts().promotions, 0u);
}

TEST_F(FollowingCluster, goes_on_streaming_while_its_store_is_away) {
  Member* leader = standby_leader();
  const auto generation = leader->postgres().generation();
  for (Endpoint host = 1; host <= cluster.size(); ++host) world().partition(host, kStore, true);
  world().run_for(2 * cluster.options().ttl);
  EXPECT_EQ(leader->postgres().generation(), generation) << "it commits nothing: a lease has nothing to end";
  EXPECT_EQ(leader->postgres().streaming_from(), kFirst) << story();
  world().heal_network();
  until([&] { return follows(first); }, 60s);
}

TEST_F(FollowingCluster, hands_its_lead_over_on_request) {
  for (int i = 0; i < 3; ++i) {
    Member* old = standby_leader();
    Member& next = cluster.member(old->host() % cluster.size() + 1);
    const auto generation = old->postgres().generation();
    (void)cluster.store().write(dcs::FailoverRecord{.leader = old->name(), .candidate = next.name()},
                                dcs::Always{});
    until([&] { return standby_leader() == &next && follows(first); }, 40s);
    EXPECT_FALSE(cluster.store().snapshot()->failover.present()) << story();
    EXPECT_EQ(old->postgres().generation(), generation) << "nothing was stopped for it";
  }
  Member* old = standby_leader();
  (void)cluster.store().write(dcs::FailoverRecord{.leader = old->name(), .candidate = {}}, dcs::Always{});
  until([&] { return standby_leader() && standby_leader() != old && follows(first); }, 40s);
}

TEST_F(FollowingCluster, follows_the_other_to_another_primary_and_timeline) {
  Postgres& second = cluster.add_remote(kSecond);
  second.begin_copy();
  second.finish_copy(first);
  second.start(true, postgres::Upstream{.member = "first", .host = address_of(kFirst), .slot = {}});
  until([&] { return second.streaming(); }, 30s);
  first.stop(false);
  until([&] { return first.life() == Postgres::Life::down; }, 60s);
  second.promote();
  until([&] { return follows(second); }, 90s);
  EXPECT_GT(standby_leader()->postgres().timeline().value, 1u);
  EXPECT_EQ(cluster.counts().promotions, 0u);
}

TEST_F(FollowingCluster, is_rewound_where_the_other_went_on_from_before) {
  Postgres& second = cluster.add_remote(kSecond);
  second.begin_copy();
  second.finish_copy(first);
  second.start(true, std::nullopt);
  world().run_for(10s);
  // It never got what this cluster has meanwhile, and leads all the same.
  first.vanish();
  second.promote();
  until([&] { return follows(second); }, 3min);
  EXPECT_EQ(cluster.counts().promotions, 0u);
}

TEST_F(FollowingCluster, waits_for_the_other_as_long_as_it_takes) {
  first.vanish();
  world().run_for(10min);
  EXPECT_EQ(cluster.counts().promotions, 0u);
  EXPECT_TRUE(cluster.key_holder()) << story();
  first.start(false, std::nullopt);
  until([&] { return follows(first); }, 60s);
}

TEST_F(FollowingCluster, is_promoted_with_all_that_the_other_has_acknowledged) {
  Member* leader = standby_leader();
  first.stop(false);
  until([&] { return first.life() == Postgres::Life::down; }, 60s);
  configure({});
  until([&] { return cluster.primary() == leader; }, 30s);
  EXPECT_TRUE(has_all_of(kFirst, leader->postgres())) << story();
  EXPECT_TRUE(cluster.run_until_converged(60s)) << story();
}

TEST_F(FollowingCluster, that_changes_its_mind_within_a_promotion_has_no_primary_in_the_end) {
  for (const Duration when : {5ms, 50ms, 150ms, 300ms, 1000ms, 3000ms}) {
    first.stop(false);
    until([&] { return first.life() == Postgres::Life::down; }, 60s);
    configure({});
    world().run_for(when);
    configure(cluster.options().follows);
    world().run_for(cluster.options().ttl + 20s);
    for (Endpoint host = 1; host <= cluster.size(); ++host)
      EXPECT_FALSE(cluster.member(host).postgres().can_commit()) << story();
    EXPECT_TRUE(has_all_of(kFirst, cluster.key_holder()->postgres())) << story();
    // The other one takes part in what was written meanwhile.
    first.start(true, postgres::Upstream{
                          .member = "leader", .host = address_of(cluster.key_holder()->host()), .slot = {}});
    const auto has_it = [&] { return has_all_of_members(first) && first.streaming(); };
    until(has_it, 60s);
    first.promote();
    until([&] { return follows(first); }, 90s);
  }
}

/// A primary cluster with a server of another one that streams from its leader.
class LedCluster : public StandbyCluster {
 protected:
  void SetUp() override {
    cluster.start_all();
    ASSERT_TRUE(cluster.run_until_converged(120s)) << story();
    remote = &cluster.add_remote(kFirst);
    remote->begin_copy();
    remote->finish_copy(cluster.primary()->postgres());
    remote->start(true, upstream_of(*cluster.primary()));
    until([&] { return remote->streaming(); }, 30s);
    world().run_for(10s);
  }
  static postgres::Upstream upstream_of(Member& m) {
    return {.member = m.name(), .host = address_of(m.host()), .slot = {}};
  }
  Postgres* remote = nullptr;
};

TEST_F(LedCluster, is_demoted_and_the_other_has_every_commit) {
  Member* leader = cluster.primary();
  configure(address_of(kFirst));
  until([&] { return !leader->postgres().can_commit(); }, 30s);
  // All of its WAL, the shutdown checkpoint with it.
  const auto over = [&] {
    const auto& p = leader->postgres();
    return p.in_recovery() && p.answers() && wal().contains(remote->disk().end, p.disk().end);
  };
  until(over, 10s);
  EXPECT_TRUE(has_all_of_members(*remote)) << story();
  remote->promote();
  until([&] { return follows(*remote); }, 60s);
  EXPECT_EQ(standby_leader(), leader) << "it keeps its lead" << story();
  EXPECT_FALSE(said_rewind()) << story();
}

TEST_F(LedCluster, whose_leader_dies_within_its_demotion_has_no_primary) {
  for (const Duration when : {20ms, 150ms, 400ms, 1000ms}) {
    Member* leader = cluster.primary();
    configure(address_of(kFirst));
    world().run_for(when);
    leader->lose_power();
    world().run_for(cluster.options().ttl + 20s);
    for (Endpoint host = 1; host <= cluster.size(); ++host)
      EXPECT_FALSE(cluster.member(host).postgres().can_commit()) << story();
    configure({});
    leader->start();
    ASSERT_TRUE(cluster.run_until_converged(120s)) << story();
  }
}

TEST_F(LedCluster, in_pause_keeps_its_primary) {
  Member* leader = cluster.primary();
  Document dynamic = cluster.store().snapshot()->config.data;
  dynamic.set("pause", true);
  dynamic.set("standby_cluster", Document::map({{"host", address_of(kFirst)}}));
  (void)cluster.store().write(dcs::ConfigRecord{dynamic}, dcs::Always{});
  world().run_for(60s);
  EXPECT_EQ(cluster.primary(), leader);
  dynamic.erase("pause");
  (void)cluster.store().write(dcs::ConfigRecord{dynamic}, dcs::Always{});
  until([&] { return !leader->postgres().can_commit(); }, 30s);
  until([&] { return has_all_of_members(*remote); }, 10s);
}

TEST_F(LedCluster, does_not_follow_itself) {
  Member* leader = cluster.primary();
  configure(address_of(leader->host()));
  world().run_for(60s);
  EXPECT_EQ(cluster.primary(), leader);
  leader->lose_power();
  world().run_for(cluster.options().ttl + 20s);
  EXPECT_FALSE(cluster.primary()) << "nobody is promoted in a standby cluster" << story();
  configure({});
  leader->start();
  ASSERT_TRUE(cluster.run_until_converged(120s)) << story();
}

}  // namespace
}  // namespace tanist::sim
