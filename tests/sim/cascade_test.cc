#include "core/format.h"
#include "scenario.h"

/// Standbys that stream from standbys, and standbys that stay behind on purpose.
namespace tanist::sim {
namespace {

config::Tags streams_from(const std::string& upstream) {
  config::Tags tags;
  tags.replicatefrom = upstream;
  tags.published = Document::map({{"replicatefrom", upstream}});
  return tags;
}

/// Four members in a row, whoever of the first leads: the third streams from the second, the fourth from the
/// third.
class Chain : public Scenario {
 protected:
  Chain() : Scenario(in_a_row()) {}
  static Options in_a_row() {
    Options options;
    options.members = 4;
    options.tags[3] = streams_from("n2");
    options.tags[4] = streams_from("n3");
    // The first two lead.
    for (const Endpoint host : {3, 4}) {
      options.tags[host].nofailover = true;
      options.tags[host].published.set("nofailover", true);
    }
    return options;
  }
  Endpoint source_of(Endpoint host) { return cluster.member(host).postgres().streaming_from(); }
  bool in_row() { return source_of(3) == 2 && source_of(4) == 3; }
  void lead_with_first() {
    if (&leader() != &cluster.member(1)) {
      (void)cluster.store().write(dcs::FailoverRecord{.leader = leader().name(), .candidate = "n1"},
                                  dcs::Always{});
      until([&] { return cluster.primary() == &cluster.member(1); }, 60s);
    }
    until([&] { return in_row() && source_of(2) == 1; }, 90s);
  }
};

TEST_F(Chain, comes_together_and_feeds_its_end) {
  lead_with_first();
  const Position written = leader().postgres().disk().end;
  until([&] { return cluster.wal().contains(cluster.member(4).postgres().disk().end, written); }, 10s);
}

TEST_F(Chain, goes_round_a_middle_that_dies_and_returns_when_it_is_well_again) {
  lead_with_first();
  Member& middle = cluster.member(2);
  const auto restarts = cluster.member(3).postgres().generation();
  middle.lose_power();
  const Duration took = until([&] { return source_of(3) == 1; }, 60s);
  EXPECT_LE(took, 8s) << story();
  EXPECT_EQ(source_of(4), 3) << "who streams from it does not notice";
  const Position written = leader().postgres().disk().end;
  until([&] { return cluster.wal().contains(cluster.member(4).postgres().disk().end, written); }, 10s);
  middle.start();
  const Duration back = until([&] { return in_row() && source_of(2) == 1; }, 90s);
  EXPECT_GE(back, 10s) << "it has to be well for a while";
  EXPECT_EQ(cluster.member(3).postgres().generation(), restarts) << "nothing was restarted for it";
  world().run_for(60s);
  EXPECT_TRUE(in_row()) << story();
}

TEST_F(Chain, an_upstream_that_comes_and_goes_is_returned_to_ever_more_rarely) {
  lead_with_first();
  Member& middle = cluster.member(2);
  int returns = 0;
  bool away = false;
  const Time end = world().now() + 600s;
  Time next = world().now();
  bool up = true;
  while (world().now() < end) {
    if (world().now() >= next) {
      // Well for 15 s, down for 10 s.
      up ? middle.lose_power() : middle.start();
      up = !up;
      next = world().now() + (up ? 15s : 10s);
    }
    world().run_for(100ms);
    if (source_of(3) == 1) away = true;
    if (source_of(3) == 2 && std::exchange(away, false)) ++returns;
  }
  if (!up) middle.start();
  EXPECT_LE(returns, 3) << story();
  EXPECT_TRUE(said("nothing is streamed from n2")) << story();
}

TEST_F(Chain, follows_through_a_failover_of_its_head) {
  lead_with_first();
  cluster.member(1).lose_power();
  until([&] { return cluster.primary() == &cluster.member(2); }, 60s);
  const Position written = leader().postgres().disk().end;
  until([&] { return in_row() && cluster.wal().contains(cluster.member(4).postgres().disk().end, written); },
        60s);
  cluster.member(1).start();
  EXPECT_TRUE(cluster.run_until_converged(60s)) << story();
}

/// The second and the third name each other.
struct Circle : Scenario {
  Circle() : Scenario(round()) {}
  static Options round() {
    Options options;
    options.tags[2] = streams_from("n3");
    options.tags[3] = streams_from("n2");
    return options;
  }
};

TEST_F(Circle, is_broken_by_both) {
  (void)cluster.store().write(dcs::FailoverRecord{.leader = leader().name(), .candidate = "n1"},
                              dcs::Always{});
  until([&] { return cluster.primary() == &cluster.member(1); }, 60s);
  until([&] { return cluster.member(2).postgres().streaming_from() == 1; }, 30s);
  until([&] { return cluster.member(3).postgres().streaming_from() == 1; }, 30s);
  EXPECT_TRUE(said("in a circle (n2 > n3 > n2)")) << story();
}

/// The third replays late on purpose.
class Delayed : public Scenario {
 protected:
  Delayed() : Scenario(third()) {}
  static Options third() {
    Options options;
    options.delayed = {3};
    return options;
  }
  void lead_with_another() {
    if (leader().host() != 3) return;
    (void)cluster.store().write(dcs::FailoverRecord{.leader = "n3", .candidate = "n1"}, dcs::Always{});
    until([&] { return cluster.primary() == &cluster.member(1); }, 60s);
    EXPECT_TRUE(cluster.run_until_converged(60s)) << story();
  }
};

TEST_F(Delayed, does_not_take_over_from_anybody_until_it_is_told_to) {
  lead_with_another();
  Member& first = leader();
  Member& late = cluster.member(3);
  first.lose_power();
  until([&] { return cluster.primary() && cluster.primary() != &first; }, 60s);
  Member& second = leader();
  ASSERT_NE(&second, &late) << story();
  second.lose_power();
  world().run_for(90s);
  EXPECT_EQ(cluster.primary(), nullptr) << story();
  EXPECT_TRUE(said("recovery_min_apply_delay")) << story();
  (void)cluster.store().write(dcs::FailoverRecord{.leader = {}, .candidate = late.name()}, dcs::Always{});
  until([&] { return cluster.primary() == &late; }, 30s);
  // Told once, it takes back what it had.
  late.lose_power();
  late.start();
  until([&] { return cluster.primary() == &late; }, 90s);
  first.start();
  second.start();
  EXPECT_TRUE(cluster.run_until_converged(120s)) << story();
}

TEST_F(Delayed, is_passed_over_by_a_switchover_that_names_nobody) {
  lead_with_another();
  for (int i = 0; i < 4; ++i) {
    Member& old = leader();
    (void)cluster.store().write(dcs::FailoverRecord{.leader = old.name(), .candidate = {}}, dcs::Always{});
    until([&] { return cluster.primary() && cluster.primary() != &old; }, 60s);
    EXPECT_NE(leader().host(), 3) << story();
    EXPECT_TRUE(cluster.run_until_converged(90s)) << story();
  }
}

}  // namespace
}  // namespace tanist::sim
