#include "ha/policy/timelines.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "ha/policy/race.h"
#include "unit/ha/view_builder.h"

/// Members that were promoted apart: whose WAL comes before whose, whatever the numbers of their timelines
/// say.
namespace tanist::ha {
namespace {

using namespace testing;
using policy::Line;

constexpr std::uint64_t kWalUnit = 0x1000;

Lsn wal_at(std::uint64_t units) {
  return Lsn{kHere.value + units * kWalUnit};
}

/// A member that was promoted apart from others: where it left the timelines before its own, from the sixth
/// on.
struct Apart {
  std::uint32_t timeline = 7;
  std::vector<std::uint64_t> left_at;
  std::uint64_t position = 0;

  policy::Way way() const {
    policy::Way way;
    for (const auto units : left_at)
      way.push_back({.parent = {static_cast<std::uint32_t>(6 + way.size())}, .switch_lsn = wal_at(units)});
    return way;
  }
};

/// What the last leader was on: the seventh timeline from 10 to 40.
const Apart kLast{.timeline = 7, .left_at = {10}, .position = 40};
/// Beside that: its way to the seventh was another, and it came to the eighth.
const Apart kBeside{.timeline = 8, .left_at = {12, 20}, .position = 30};
const Apart kAfter{.timeline = 8, .left_at = {10, 40}, .position = 41};

void is_on(ViewBuilder& b, const Apart& who) {
  auto& facts = b.view.postgres.facts;
  facts.probe->effective_timeline = {who.timeline};
  facts.probe->receive = facts.probe->replay = wal_at(who.position);
  facts.history = postgres::TimelineHistory{.timeline = {who.timeline}, .lines = who.way()};
}

void answers(ViewBuilder& b, const std::string& name, const Apart& who) {
  b.peer(name, wal_at(who.position), {who.timeline});
  b.view.answers.peers->at(name).way = who.way();
}

/// n2 led last, and says so in /history; n1 and n3 are left.
ViewBuilder apart(const Apart& mine, const Apart& other) {
  ViewBuilder b = ViewBuilder().as_candidate().peer_unreachable("n2");
  b.cluster.history = {.version = dcs::Version("4"), .lines = kLast.way()};
  b.cluster.history.lines.back().new_leader = "n2";
  b.cluster.leadership_version = dcs::Version("30");
  b.cluster.leadership_name = "n2";
  b.cluster.status.optime = wal_at(kLast.position);
  b.last = b.cluster;
  b.last.leader = dcs::Leader{.name = "n2", .claim = "c", .version = dcs::Version("50")};
  for (auto* cluster : {&b.cluster, &b.last})
    for (auto& [name, member] : cluster->members) member.timeline = {};
  is_on(b, mine);
  answers(b, "n3", other);
  return b;
}

bool leads(const ViewBuilder& b) {
  return intends<intent::Acquire>(b.decide());
}

TEST(Lineages, the_last_leaders_wal_leads_whatever_number_was_reached_beside_it) {
  EXPECT_TRUE(leads(apart(kLast, kBeside)));
  const Decision d = apart(kBeside, kLast).decide();
  EXPECT_FALSE(intends<intent::Acquire>(d));
  EXPECT_TRUE(d.memory.standings.diverged) << "peers are told";
  EXPECT_TRUE(says_something_like(d, "on timeline 8, has left that of the last leader, on timeline 7"));
}

TEST(Lineages, it_leads_as_well_where_it_lags_by_numbers_and_the_others_do_not) {
  Apart mine = kLast;
  mine.position = 20;
  ViewBuilder b = apart(mine, kBeside);
  EXPECT_TRUE(leads(b)) << "what the other has beyond is nothing of the last leader's";
  b.settings.dynamic.maximum_lag_on_failover = 19 * kWalUnit;
  EXPECT_FALSE(leads(b)) << "what it lacks of the last leader counts as ever";
}

TEST(Lineages, without_the_last_leaders_wal_nobody_leads) {
  ViewBuilder b = apart(kBeside, kBeside);
  b.settings.dynamic.maximum_lag_on_failover = 1 << 30;
  EXPECT_FALSE(leads(b));
  b.peer_unreachable("n3");
  EXPECT_FALSE(leads(b));
  b.cluster.history = b.last.history = {};
  EXPECT_TRUE(leads(b)) << "to give the commits of the last leader up is an act";
}

TEST(Lineages, a_later_promotion_that_the_history_does_not_tell_yet_outranks) {
  EXPECT_FALSE(leads(apart(kLast, kAfter)));
  EXPECT_TRUE(leads(apart(kAfter, kLast)));
}

TEST(Lineages, two_promotions_to_one_number_are_told_apart_by_where_they_began) {
  const Apart other{.timeline = 7, .left_at = {12}, .position = 50};
  EXPECT_FALSE(leads(apart(other, kLast)));
  EXPECT_TRUE(leads(apart(kLast, other)));
  const Apart before{.timeline = 6, .left_at = {}, .position = 9};
  ViewBuilder alone = apart(before, other);
  alone.settings.dynamic.maximum_lag_on_failover = 1 << 30;
  EXPECT_TRUE(leads(alone)) << "a prefix of it";
}

TEST(Lineages, where_the_way_is_not_known_the_numbers_count) {
  ViewBuilder b = apart(kBeside, kBeside);
  b.settings.dynamic.maximum_lag_on_failover = 1 << 30;
  b.view.postgres.facts.history.reset();
  EXPECT_TRUE(leads(b));
  b.view.postgres.facts.history = postgres::TimelineHistory{.timeline = {7}, .lines = kBeside.way()};
  EXPECT_TRUE(leads(b)) << "that of a timeline which was left";
}

TEST(Lineages, a_history_of_before_the_last_leadership_says_nothing) {
  for (const bool check_timeline : {false, true}) {
    ViewBuilder b = apart(kBeside, kLast);
    b.settings.dynamic.maximum_lag_on_failover = 1 << 30;
    b.settings.dynamic.check_timeline = check_timeline;
    EXPECT_FALSE(leads(b));
    // A member of Patroni leads without a note; n3 was seen to.
    b.last.leader->name = "n3";
    EXPECT_TRUE(leads(b));
    // But not since n2 took the key.
    b.last.leadership_version = dcs::Version("29");
    EXPECT_FALSE(leads(b));
  }
}

TEST(Lineages, a_key_that_was_taken_since_does_not_turn_the_order_round) {
  const auto taken_by = [](const Apart& mine, const Apart& other, const std::string& name) {
    ViewBuilder b = apart(mine, other);
    b.settings.dynamic.maximum_lag_on_failover = 1 << 30;
    b.cluster.leadership_name = name;
    b.cluster.leadership_version = dcs::Version("31");
    return b;
  };
  EXPECT_TRUE(leads(taken_by(kLast, kBeside, "n1"))) << "as a rule it was not promoted";
  EXPECT_FALSE(leads(taken_by(kBeside, kLast, "n2x")));
  EXPECT_TRUE(leads(taken_by(kBeside, kBeside, "n2x").peer_unreachable("n3"))) << "nobody else is left";
  // It may have been promoted from a little before, and had no time to say so.
  EXPECT_TRUE(leads(taken_by(kBeside, kLast, "n1")));
  EXPECT_FALSE(leads(taken_by(kLast, kBeside, "n3")));
}

TEST(Lineages, the_timeline_of_a_leader_before_the_last_is_not_the_newest) {
  ViewBuilder b = apart(kLast, kLast);
  b.last.leadership_version = dcs::Version("29");
  b.last.members["n2"].timeline = {9};
  EXPECT_EQ(Line(b.build()).newest(), Timeline{7});
  EXPECT_TRUE(leads(b));
  b.last.leadership_version = b.cluster.leadership_version;
  EXPECT_EQ(Line(b.build()).newest(), Timeline{9});
}

TEST(Lineages, a_peer_that_does_not_tell_its_way_counts_by_its_position_beside_the_last_leaders_wal) {
  ViewBuilder b = apart(kLast, kBeside);
  auto& peer = b.view.answers.peers->at("n3");
  peer.way.reset();
  EXPECT_TRUE(leads(b));
  peer.position = wal_at(kLast.position + 1);
  EXPECT_FALSE(leads(b)) << "as it is for itself";
  peer.position = wal_at(kBeside.position);
  is_on(b, {.timeline = 6, .left_at = {}, .position = 9});
  EXPECT_FALSE(leads(b)) << "a prefix only";
  // Who led last may have come to a newer one since.
  is_on(b, kLast);
  peer = {};
  b.peer("n2", wal_at(kBeside.position), {8}).peer_unreachable("n3");
  EXPECT_FALSE(leads(b));
}

TEST(Lineages, a_history_without_its_first_lines_compares_what_is_left) {
  Apart long_way{.timeline = 8, .left_at = {10, 20}, .position = 40};
  ViewBuilder b = apart(long_way, kLast);
  b.cluster.history.lines.erase(b.cluster.history.lines.begin());
  b.cluster.history.lines.push_back({.parent = {7}, .switch_lsn = wal_at(20), .new_leader = "n2"});
  b.last.history = b.cluster.history;
  EXPECT_TRUE(leads(b));
  b.view.postgres.facts.history->lines.back().switch_lsn = wal_at(21);
  EXPECT_FALSE(leads(b));
}

TEST(Lineages, a_timeline_that_the_cluster_passed_by_is_none_of_it) {
  // The cluster went from 6 to 8; number 7 was given to what left it at the same place.
  ViewBuilder b = apart({.timeline = 7, .left_at = {10}, .position = 40}, kLast);
  b.peer_unreachable("n3");
  b.cluster.history.lines = {{.parent = {6}, .switch_lsn = wal_at(10)},
                             {.parent = {8}, .switch_lsn = wal_at(20), .new_leader = "n2"}};
  b.last.history = b.cluster.history;
  EXPECT_FALSE(leads(b));
  is_on(b, {.timeline = 9, .left_at = {10, 20}, .position = 40});
  EXPECT_FALSE(leads(b)) << "through 7";
  b.view.postgres.facts.history->lines.back().parent = {8};
  EXPECT_TRUE(leads(b));
}

/// n2 took the key from 36 on the sixth timeline, while /status told of 900 there, and was promoted.
ViewBuilder given_up(const Apart& mine, const Apart& other) {
  ViewBuilder b = apart(mine, other);
  b.cluster.status.optime = wal_at(900);
  b.cluster.led_from = {
      .timeline = {6}, .position = wal_at(36), .replayed = wal_at(34), .optime = wal_at(900)};
  b.settings.dynamic.maximum_lag_on_failover = 5 * kWalUnit;
  b.cluster.history = b.last.history = {};
  return b;
}

TEST(Lineages, one_that_left_the_last_leaders_timeline_before_its_end_does_not_outrank_it) {
  // Both were promoted from 10 on the sixth, which looks alike; n3 came to the eighth from its own seventh.
  const Apart another{.timeline = 8, .left_at = {10, 20}, .position = 30};
  const auto led_by = [](const char* name, const Apart& mine, const Apart& other) {
    ViewBuilder b = apart(mine, other);
    b.cluster.history.lines.back().new_leader = b.cluster.leadership_name = name;
    b.last.history = b.cluster.history;
    b.last.leadership_name = b.last.leader->name = name;
    b.cluster.led_from = {
        .timeline = {6}, .position = wal_at(10), .replayed = wal_at(10), .optime = wal_at(10)};
    return b;
  };
  EXPECT_TRUE(leads(led_by("n1", kLast, another)));
  EXPECT_FALSE(leads(led_by("n3", another, kLast))) << "nor does it lead before that one";
  EXPECT_FALSE(leads(led_by("n1", kLast, kAfter))) << "one that left it at its end does";
  EXPECT_TRUE(leads(led_by("n3", kAfter, kLast)));
  EXPECT_FALSE(leads(led_by("n2", kLast, another)))
      << "its seventh may be another that began at the same point";
  ViewBuilder again = led_by("n1", kLast, another);
  again.cluster.led_from->timeline = {7};
  EXPECT_FALSE(leads(again)) << "it took the key again, after the other led";
}

TEST(Lineages, what_a_promotion_gave_up_holds_nobody_before_its_first_status) {
  const Apart promoted{.timeline = 7, .left_at = {35}, .position = 37};
  EXPECT_TRUE(leads(given_up(promoted, promoted)));
  {
    ViewBuilder b = given_up(promoted, promoted);
    b.cluster.led_from.reset();
    EXPECT_FALSE(leads(b)) << "nothing tells what was given up";
  }
  {
    ViewBuilder b = given_up(promoted, promoted);
    b.cluster.status.optime = wal_at(901);
    EXPECT_FALSE(leads(b)) << "somebody wrote it since: that is what counts";
  }
  {
    ViewBuilder b = given_up(promoted, promoted);
    b.last.leader->name = "n3";
    EXPECT_FALSE(leads(b)) << "a member of Patroni has led since";
  }
  {
    ViewBuilder b = given_up(promoted, promoted);
    b.view.postgres.facts.history.reset();
    EXPECT_FALSE(leads(b)) << "how it came to its timeline is not known";
  }
  const Apart restored{.timeline = 7, .left_at = {35}, .position = 30};
  EXPECT_FALSE(leads(given_up(restored, restored))) << "it lacks what was promoted";
  const Apart another{.timeline = 7, .left_at = {33}, .position = 37};
  EXPECT_FALSE(leads(given_up(another, another))) << "a promotion from before that";
}

TEST(Lineages, to_take_the_key_gives_nothing_up) {
  const Apart not_promoted{.timeline = 6, .left_at = {}, .position = 36};
  ViewBuilder b = given_up(not_promoted, not_promoted);
  EXPECT_FALSE(leads(b)) << "the leader before may come back with all that /status tells of";
  // But where /history tells that it was promoted.
  b.cluster.history.lines = {{.parent = {6}, .switch_lsn = wal_at(36), .new_leader = "n2"}};
  EXPECT_TRUE(leads(b));
  b.cluster.history.lines.back().new_leader = "n3";
  EXPECT_FALSE(leads(b)) << "by another than took the key";
  // Nor does one's own way tell a promotion that is older than that.
  const Apart older{.timeline = 7, .left_at = {36}, .position = 37};
  ViewBuilder behind = given_up(older, older);
  behind.cluster.history.lines = {{.parent = {6}, .switch_lsn = wal_at(36), .new_leader = "n3"}};
  EXPECT_FALSE(leads(behind));
}

TEST(Lineages, a_history_whose_author_has_other_wal_by_now_orders_nothing) {
  // n1 led on 7, was copied from another 7 that n2 led on without writing it, and took the key again.
  const Apart copied{.timeline = 7, .left_at = {12}, .position = 30};
  ViewBuilder b = apart(copied, copied);
  b.cluster.history.lines.back().new_leader = b.cluster.leadership_name = "n1";
  b.last.history = b.cluster.history;
  b.last.leadership_name = b.last.leader->name = "n1";
  EXPECT_TRUE(leads(b));
  // The same, seen by n1 of the author n3.
  b.cluster.history.lines.back().new_leader = b.cluster.leadership_name = "n3";
  b.last.history = b.cluster.history;
  b.last.leadership_name = b.last.leader->name = "n3";
  EXPECT_TRUE(leads(b));
  answers(b, "n3", kLast);
  EXPECT_FALSE(leads(b)) << "the author is where it says";
}

TEST(Lineages, a_primary_that_was_promoted_beside_the_last_leader_does_not_take_the_key) {
  ViewBuilder b = apart(kBeside, kLast);
  auto& facts = b.view.postgres.facts;
  facts.probe->in_recovery = facts.standby_signal = false;
  facts.probe->timeline = {8};
  facts.probe->wal = wal_at(30);
  b.view.postgres.role = postgres::Role::primary;
  EXPECT_TRUE(intends<intent::Demote>(b.decide()));
  facts.history->lines = kAfter.way();
  EXPECT_TRUE(leads(b));
}

TEST(Lineages, one_beside_the_last_leaders_is_no_candidate_of_a_failover) {
  ViewBuilder b = ViewBuilder().as_leader().peer_unreachable("n3");
  b.cluster.history = {.version = dcs::Version("4"), .lines = kLast.way()};
  b.cluster.history.lines.back().new_leader = b.cluster.leadership_name = "n1";
  b.cluster.leadership_version = dcs::Version("30");
  b.cluster.status.optime = wal_at(30);
  b.view.postgres.facts.probe->timeline = {7};
  const auto possible = [&](const Apart& who) {
    answers(b, "n2", who);
    const View view = b.build();
    policy::Draft d(view);
    return policy::failover_possible(d);
  };
  EXPECT_EQ(possible(kLast), true);
  EXPECT_EQ(possible(kBeside), false);
}

TEST(Lineages, what_one_holds_of_another_is_told_by_the_way) {
  using policy::holds;
  using policy::WalEnd;
  const auto end = [](std::uint32_t timeline, std::uint64_t received, policy::Way way,
                      std::uint64_t whole = 0) {
    return WalEnd{{timeline}, {received}, {whole ? whole : received}, std::move(way)};
  };
  const policy::Way at50{{.parent = {1}, .switch_lsn = {50}}}, at40{{.parent = {1}, .switch_lsn = {40}}};
  const WalEnd mine = end(2, 80, at50);
  EXPECT_TRUE(holds(mine, end(2, 80, at50)));
  EXPECT_FALSE(holds(mine, end(2, 81, at50))) << "it has more";
  EXPECT_FALSE(holds(mine, end(2, 60, at40))) << "the same number, another promotion";
  EXPECT_FALSE(holds(mine, end(3, 60, at50))) << "it has gone on";
  EXPECT_TRUE(holds(mine, end(1, 50, {})));
  EXPECT_FALSE(holds(mine, end(1, 51, {}))) << "that was not taken along";
  EXPECT_TRUE(holds(mine, end(1, 51, {}, 50))) << "but for the begin of a record";
  EXPECT_FALSE(holds(mine, WalEnd{{1}, {}, {}, policy::Way()})) << "nothing is known of it";
  const policy::Way to3{{.parent = {1}, .switch_lsn = {50}}, {.parent = {2}, .switch_lsn = {70}}};
  EXPECT_TRUE(holds(end(3, 90, to3), end(2, 70, at50)));
  EXPECT_FALSE(holds(end(3, 90, to3), end(2, 71, at50)));
  EXPECT_FALSE(holds(end(3, 90, {{.parent = {1}, .switch_lsn = {50}}}), end(2, 60, at50)))
      << "timeline 2 was passed by";
  EXPECT_TRUE(holds(end(3, 90, {{.parent = {2}, .switch_lsn = {70}}}), end(2, 60, at50)))
      << "the first lines were dropped";
  // A member that does not tell its way, or one's own is not known: numbers are all there is.
  EXPECT_FALSE(holds(mine, WalEnd{{1}, {51}, {51}, std::nullopt}));
  EXPECT_TRUE(holds(WalEnd{{2}, {80}, {80}, std::nullopt}, end(1, 90, {})));
}

TEST(Lineages, who_was_promoted_by_hand_gets_no_vote_of_the_one_that_has_promised_more) {
  // n3 leads by /sync and has come to 60; n2 left its timeline at 40, and nobody has led since.
  const policy::Way at40{{.parent = {1}, .switch_lsn = {40}}};
  const policy::WalEnd promoter{{1}, {60}, {60}, policy::Way()}, by_hand{{2}, {55}, {55}, at40};
  EXPECT_FALSE(policy::holds(by_hand, promoter));
  EXPECT_TRUE(policy::left_before_end(promoter, by_hand));
  EXPECT_FALSE(policy::left_before_end({{1}, {40}, {40}, policy::Way()}, by_hand)) << "nothing was left out";
  EXPECT_FALSE(policy::left_before_end(promoter, {{2}, {55}, {55}, std::nullopt})) << "nothing is known";
}

}  // namespace
}  // namespace tanist::ha
