#include "ha/policy/timelines.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "ha/policy/race.h"
#include "unit/ha/view_builder.h"

namespace tanist::ha {
namespace {

using namespace testing;
using policy::Line;
using policy::Standing;
using policy::WalEnd;

/// The cluster left timeline 1 at 10 and timeline 2 at 20 (in units of WAL), and timeline 3 has come to 30.
constexpr std::uint64_t kUnit = 0x1000;
constexpr std::uint64_t kLeftAt[] = {0, 10, 20};
constexpr std::uint64_t kWritten = 30;

Lsn at(std::uint64_t units) {
  return {kHere.value + units * kUnit};
}

/// A member: its timeline, what it has received, and what of that are whole records.
struct Member {
  std::uint32_t timeline = 1;
  std::uint64_t received = 0;
  std::uint64_t whole = 0;

  /// The WAL itself: who wrote each unit. A member of timeline 2 has what timeline 1 wrote up to 10, then
  /// what timeline 2 wrote.
  std::string wal() const {
    std::string units;
    for (std::uint64_t unit = 0; unit < whole; ++unit) {
      std::uint32_t writer = 1;
      while (writer < timeline && unit >= kLeftAt[writer]) ++writer;
      units += static_cast<char>('0' + writer);
    }
    return units;
  }
};

std::string shown(const Member& m) {
  return std::to_string(m.timeline) + "/" + std::to_string(m.received) +
         (m.whole == m.received ? "" : " (whole " + std::to_string(m.whole) + ")");
}

bool contains(const std::string& wal, const std::string& other) {
  return wal.starts_with(other);
}

/// The oracle: a member that has nothing but what the cluster has, or all of that and more.
bool fits(const Member& m) {
  const std::string cluster = Member{3, kWritten, kWritten}.wal();
  return contains(cluster, m.wal()) || contains(m.wal(), cluster);
}

std::vector<Member> members() {
  std::vector<Member> all;
  for (std::uint32_t timeline = 1; timeline <= 3; ++timeline)
    for (const std::uint64_t units : {1, 9, 10, 11, 19, 20, 21, 29, 30, 35})
      // Nobody is on a timeline before it began.
      if (units >= kLeftAt[timeline - 1]) all.push_back({timeline, units, units});
  // The host of the old primary died in the middle of a record.
  all.push_back({1, 11, 10});
  all.push_back({2, 21, 20});
  return all;
}

/// How much of the history is in the store: lines 0, 1 or 2; negative: the key is not there.
void set_history(ViewBuilder& b, int lines) {
  b.cluster.history = {.version = dcs::Version("4")};
  b.cluster.history.empty_list = lines == 0;
  for (int i = 1; i <= lines; ++i)
    b.cluster.history.lines.push_back(
        {.parent = {static_cast<std::uint32_t>(i)}, .switch_lsn = at(kLeftAt[i]), .timestamp = "t"});
  b.last.history = b.cluster.history;
  for (auto* cluster : {&b.cluster, &b.last})
    for (auto& [name, member] : cluster->members) member.timeline = {};
}

ViewBuilder meeting(const Member& mine, const Member& other, int history, bool check_timeline) {
  ViewBuilder b = ViewBuilder().as_candidate().peer_unreachable("n2");
  set_history(b, history);
  b.settings.dynamic.check_timeline = check_timeline;
  b.settings.dynamic.maximum_lag_on_failover = 1 << 30;
  b.cluster.status.optime = at(kWritten);
  auto& probe = *b.view.postgres.facts.probe;
  probe.effective_timeline = {mine.timeline};
  probe.receive = at(mine.received);
  probe.replay = at(mine.whole);
  b.peer("n3", at(other.received), {other.timeline});
  b.view.answers.peers->at("n3").replayed = at(other.whole);
  return b;
}

bool wins(const Member& mine, const Member& other, int history, bool check_timeline) {
  return intends<intent::Acquire>(meeting(mine, other, history, check_timeline).decide());
}

TEST(Timelines, whoever_wins_has_all_that_the_others_have_of_the_clusters_wal) {
  for (const bool check_timeline : {false, true})
    for (const auto& mine : members())
      for (const auto& other : members()) {
        const std::string what =
            shown(mine) + " against " + shown(other) + (check_timeline ? ", checked" : "");
        const bool won = wins(mine, other, 2, check_timeline);
        if (!fits(mine)) EXPECT_FALSE(won) << what << ": diverged";
        if (fits(other) && other.wal().size() > mine.wal().size() && !(check_timeline && other.timeline < 3))
          EXPECT_FALSE(won) << what << ": the other has more";
        // The other one looks the same way at this one: somebody has to lead.
        const bool somebody = won || wins(other, mine, 2, check_timeline);
        const auto may = [&](const Member& m) { return fits(m) && (!check_timeline || m.timeline == 3); };
        EXPECT_EQ(somebody, may(mine) || may(other)) << what;
      }
}

TEST(Timelines, a_newer_timeline_among_the_peers_outranks_where_the_history_does_not_tell) {
  for (const int history : {-1, 0, 1})
    for (const bool check_timeline : {false, true})
      for (const auto& mine : members())
        for (const auto& other : members()) {
          if (!fits(other) || other.timeline <= mine.timeline) continue;
          const std::string what =
              shown(mine) + " against " + shown(other) + ", lines of history: " + std::to_string(history);
          EXPECT_FALSE(wins(mine, other, history, check_timeline)) << what;
          EXPECT_TRUE(wins(other, mine, history, check_timeline)) << what << ", the other way round";
        }
}

TEST(Timelines, on_one_timeline_the_position_decides_as_ever) {
  for (const int history : {-1, 0, 2})
    for (const auto& mine : members())
      for (const auto& other : members()) {
        if (mine.timeline != other.timeline || !fits(mine) || !fits(other)) continue;
        EXPECT_EQ(wins(mine, other, history, false), mine.received >= other.received)
            << shown(mine) << " against " << shown(other);
      }
}

TEST(Timelines, an_unknown_timeline_is_compared_by_position) {
  Member mine{0, 10, 10};
  EXPECT_TRUE(wins(mine, {1, 9, 9}, 2, false));
  EXPECT_FALSE(wins(mine, {3, 21, 21}, 2, false));
  EXPECT_TRUE(wins({3, 21, 21}, {0, 20, 20}, 2, false));
  EXPECT_FALSE(wins({3, 21, 21}, {0, 30, 30}, 2, false)) << "it may be on the newest as well";
}

TEST(Timelines, a_line_that_was_dropped_from_the_history_leaves_a_member_out) {
  ViewBuilder b = meeting({1, 9, 9}, {3, 30, 30}, 2, false);
  b.peer_unreachable("n3");
  EXPECT_TRUE(intends<intent::Acquire>(b.decide())) << "alone, and a prefix of the cluster's WAL";
  b.cluster.history.lines.erase(b.cluster.history.lines.begin());
  EXPECT_FALSE(intends<intent::Acquire>(b.decide()));
}

TEST(Timelines, the_leaders_member_key_tells_what_the_history_does_not_yet) {
  ViewBuilder b = meeting({1, 11, 11}, {1, 9, 9}, 0, false);
  EXPECT_EQ(Line(b.build()).newest(), Timeline{1});
  b.last.members["n2"].timeline = {2};
  const View view = b.build();
  EXPECT_EQ(Line(view).newest(), Timeline{2});
  EXPECT_EQ(Line(view).standing({{1}, at(11), at(11)}), Standing::unknown);
  EXPECT_EQ(Line(view).standing({{2}, at(11), at(11)}), Standing::current);
}

TEST(Timelines, a_store_that_was_wiped_is_helped_by_the_last_view_with_a_leader) {
  ViewBuilder b = meeting({1, 11, 11}, {1, 9, 9}, 2, false);
  b.cluster.history = {};
  const Decision d = b.decide();
  EXPECT_FALSE(intends<intent::Acquire>(d));
  EXPECT_TRUE(d.memory.standings.diverged);
}

TEST(Timelines, giving_up_what_only_the_lost_leader_had_is_an_act) {
  ViewBuilder b = meeting({1, 11, 11}, {1, 9, 9}, 2, false);
  const Decision d = b.decide();
  EXPECT_EQ(d.reason.text(), "following a different leader because i am not the healthiest node");
  EXPECT_TRUE(says_something_like(d, "has left that of the last leader, on timeline 3"));
  EXPECT_TRUE(says_something_like(d, "delete the key history of this cluster and restart the daemon"));
  b.cluster.history = b.last.history = {};
  EXPECT_TRUE(intends<intent::Acquire>(b.decide()));
}

TEST(Timelines, a_comparison_that_found_a_difference_keeps_out_of_the_race) {
  using Rewind = RewindState;
  ViewBuilder b = meeting({3, 30, 30}, {3, 29, 29}, 2, false);
  for (const Rewind state : {Rewind::initial, Rewind::check, Rewind::not_need, Rewind::success}) {
    b.view.memory.rejoin.rewind = state;
    EXPECT_TRUE(intends<intent::Acquire>(b.decide()));
  }
  for (const Rewind state : {Rewind::need, Rewind::failed}) {
    b.view.memory.rejoin.rewind = state;
    const Decision d = b.decide();
    EXPECT_FALSE(intends<intent::Acquire>(d));
    EXPECT_TRUE(d.memory.standings.diverged) << "peers are told";
  }
  b.view.memory.rejoin.rewind = Rewind::check;
  b.view.memory.rejoin.found_diverged = true;
  EXPECT_FALSE(intends<intent::Acquire>(b.decide())) << "also while another comparison is due";
  b.view.memory.rejoin.found_diverged = false;
  b.view.memory.rejoin.rewind = Rewind::not_need;
  b.view.memory.rejoin.beyond_rewind = true;
  EXPECT_FALSE(intends<intent::Acquire>(b.decide()));
}

TEST(Timelines, a_difference_is_remembered_until_it_is_mended) {
  ViewBuilder b = ViewBuilder().as_replica().divergence(postgres::Divergence::diverged);
  b.view.postgres.facts.probe->receiver_state.clear();
  b.view.memory.rejoin.rewind = RewindState::check;
  EXPECT_TRUE(b.decide().memory.rejoin.found_diverged);
  b.view.memory = b.decide().memory;
  b.view.memory.rejoin.rewind = RewindState::failed;
  b.view.answers = {};
  EXPECT_TRUE(b.decide().memory.rejoin.found_diverged);
  ViewBuilder same = b;
  same.view.memory.rejoin.rewind = RewindState::check;
  EXPECT_FALSE(same.divergence(postgres::Divergence::none).decide().memory.rejoin.found_diverged);
  ViewBuilder streams = b;
  streams.view.postgres.facts.probe->receiver_state = "streaming";
  EXPECT_FALSE(streams.decide().memory.rejoin.found_diverged);
  ViewBuilder rewound = b.down("shut down").ended(OperationKind::rewind, true);
  EXPECT_FALSE(rewound.decide().memory.rejoin.found_diverged);
  ViewBuilder cloned = b.down("shut down").ended(OperationKind::clone, true);
  EXPECT_FALSE(cloned.decide().memory.rejoin.found_diverged);
}

TEST(Timelines, who_says_that_it_has_diverged_holds_nobody_back) {
  ViewBuilder b = meeting({3, 29, 29}, {3, 30, 30}, 2, false);
  EXPECT_FALSE(intends<intent::Acquire>(b.decide()));
  b.view.answers.peers->at("n3").diverged = true;
  EXPECT_TRUE(intends<intent::Acquire>(b.decide()));
  b.view.answers.peers->at("n3").primary = true;
  EXPECT_FALSE(intends<intent::Acquire>(b.decide())) << "a primary that lives is in the way all the same";
}

TEST(Timelines, the_diverged_one_is_named) {
  const Decision d = meeting({3, 21, 21}, {1, 35, 35}, 2, false).decide();
  EXPECT_TRUE(intends<intent::Acquire>(d));
  EXPECT_TRUE(says_something_like(d, "the WAL of n3, on timeline 1, has left that of the cluster"));
}

TEST(Timelines, a_newer_peer_without_a_position_is_no_obstacle) {
  ViewBuilder b = meeting({2, 15, 15}, {3, 0, 0}, 1, false);
  b.peer("n3", Lsn{}, {3});
  EXPECT_TRUE(intends<intent::Acquire>(b.decide())) << "it would not race itself";
}

TEST(Timelines, a_stale_primary_is_known_by_the_last_leaders_timeline_too) {
  ViewBuilder b;
  b.as_leader().leader("n2").unlocked().no_lease().linearizable();
  b.last.members["n2"].timeline = {2};
  EXPECT_TRUE(intends<intent::Demote>(b.decide()));
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
      way.push_back({.parent = {static_cast<std::uint32_t>(6 + way.size())}, .switch_lsn = at(units)});
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
  facts.probe->receive = facts.probe->replay = at(who.position);
  facts.history = postgres::TimelineHistory{.timeline = {who.timeline}, .lines = who.way()};
}

void answers(ViewBuilder& b, const std::string& name, const Apart& who) {
  b.peer(name, at(who.position), {who.timeline});
  b.view.answers.peers->at(name).way = who.way();
}

/// n2 led last, and says so in /history; n1 and n3 are left.
ViewBuilder apart(const Apart& mine, const Apart& other) {
  ViewBuilder b = ViewBuilder().as_candidate().peer_unreachable("n2");
  b.cluster.history = {.version = dcs::Version("4"), .lines = kLast.way()};
  b.cluster.history.lines.back().new_leader = "n2";
  b.cluster.leadership_version = dcs::Version("30");
  b.cluster.leadership_name = "n2";
  b.cluster.status.optime = at(kLast.position);
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
  b.settings.dynamic.maximum_lag_on_failover = 19 * kUnit;
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
  peer.position = at(kLast.position + 1);
  EXPECT_FALSE(leads(b)) << "as it is for itself";
  peer.position = at(kBeside.position);
  is_on(b, {.timeline = 6, .left_at = {}, .position = 9});
  EXPECT_FALSE(leads(b)) << "a prefix only";
  // Who led last may have come to a newer one since.
  is_on(b, kLast);
  peer = {};
  b.peer("n2", at(kBeside.position), {8}).peer_unreachable("n3");
  EXPECT_FALSE(leads(b));
}

TEST(Lineages, a_history_without_its_first_lines_compares_what_is_left) {
  Apart long_way{.timeline = 8, .left_at = {10, 20}, .position = 40};
  ViewBuilder b = apart(long_way, kLast);
  b.cluster.history.lines.erase(b.cluster.history.lines.begin());
  b.cluster.history.lines.push_back({.parent = {7}, .switch_lsn = at(20), .new_leader = "n2"});
  b.last.history = b.cluster.history;
  EXPECT_TRUE(leads(b));
  b.view.postgres.facts.history->lines.back().switch_lsn = at(21);
  EXPECT_FALSE(leads(b));
}

TEST(Lineages, a_timeline_that_the_cluster_passed_by_is_none_of_it) {
  // The cluster went from 6 to 8; number 7 was given to what left it at the same place.
  ViewBuilder b = apart({.timeline = 7, .left_at = {10}, .position = 40}, kLast);
  b.peer_unreachable("n3");
  b.cluster.history.lines = {{.parent = {6}, .switch_lsn = at(10)},
                             {.parent = {8}, .switch_lsn = at(20), .new_leader = "n2"}};
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
  b.cluster.status.optime = at(900);
  b.cluster.led_from = {.timeline = {6}, .position = at(36), .replayed = at(34), .optime = at(900)};
  b.settings.dynamic.maximum_lag_on_failover = 5 * kUnit;
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
    b.cluster.led_from = {.timeline = {6}, .position = at(10), .replayed = at(10), .optime = at(10)};
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
    b.cluster.status.optime = at(901);
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
  b.cluster.history.lines = {{.parent = {6}, .switch_lsn = at(36), .new_leader = "n2"}};
  EXPECT_TRUE(leads(b));
  b.cluster.history.lines.back().new_leader = "n3";
  EXPECT_FALSE(leads(b)) << "by another than took the key";
  // Nor does one's own way tell a promotion that is older than that.
  const Apart older{.timeline = 7, .left_at = {36}, .position = 37};
  ViewBuilder behind = given_up(older, older);
  behind.cluster.history.lines = {{.parent = {6}, .switch_lsn = at(36), .new_leader = "n3"}};
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
  facts.probe->wal = at(30);
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
  b.cluster.status.optime = at(30);
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

/// Whether n2 counts as a candidate: n1, on timeline 3, hands over with its shutdown checkpoint at `needed`.
std::optional<bool> hand_over(ViewBuilder& b, std::uint64_t needed) {
  const View view = b.build();
  policy::Draft d(view);
  return policy::failover_possible(d, {.at_least = at(needed)});
}

TEST(Timelines, a_candidate_of_a_hand_over_is_on_the_leaders_timeline) {
  for (const int history : {-1, 1, 2})
    for (const auto& m : members()) {
      ViewBuilder b = ViewBuilder().as_leader().peer_unreachable("n3");
      set_history(b, history);
      b.view.postgres.facts.probe->timeline = {3};
      b.peer("n2", at(m.received), {m.timeline});
      b.view.answers.peers->at("n2").replayed = at(m.whole);
      const bool has_all = contains(m.wal(), Member{3, 29, 29}.wal());
      EXPECT_EQ(hand_over(b, 29), has_all) << shown(m);
      // While it stops, only the control file tells the timeline.
      b.view.postgres.facts.control->checkpoint_timeline = {3};
      b.view.postgres.facts.failing_since = b.view.now - 1s;
      EXPECT_EQ(hand_over(b, 29), has_all) << shown(m) << ", stopping";
      b.view.answers.peers->at("n2").diverged = true;
      EXPECT_EQ(hand_over(b, 29), false);
    }
}

TEST(Timelines, a_candidate_that_does_not_tell_its_timeline_counts_only_while_there_was_but_one) {
  ViewBuilder b = ViewBuilder().as_leader().peer_unreachable("n3");
  b.peer("n2", at(30), {});
  EXPECT_EQ(hand_over(b, 29), true);
  b.view.postgres.facts.probe->timeline = {2};
  EXPECT_EQ(hand_over(b, 29), false);
}

TEST(Timelines, a_diverged_member_is_no_reason_to_give_way_when_a_start_takes_too_long) {
  ViewBuilder b = ViewBuilder().as_leader().peer_unreachable("n3");
  set_history(b, 2);
  b.cluster.status.optime = at(30);
  for (const auto& m : members()) {
    b.peer("n2", at(m.received), {m.timeline});
    b.view.answers.peers->at("n2").replayed = at(m.whole);
    const View view = b.build();
    policy::Draft d(view);
    EXPECT_EQ(policy::failover_possible(d), fits(m)) << shown(m);
  }
}

}  // namespace
}  // namespace tanist::ha
