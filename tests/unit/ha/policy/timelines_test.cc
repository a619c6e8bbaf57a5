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

/// What is received is a part of the cluster's, however much of it is replayed yet.
TEST(Timelines, who_has_received_up_to_the_switch_is_behind) {
  ViewBuilder b = ViewBuilder().as_candidate();
  b.cluster.history = {.version = dcs::Version("60"), .lines = {{.parent = {1}, .switch_lsn = kHere}}};
  const View view = b.build();
  const Line line(view);
  const Lsn before{kHere.value - 8};
  EXPECT_EQ(line.standing({.timeline = {1}, .position = kHere, .replayed = before, .way = {}}),
            Standing::behind);
  EXPECT_EQ(line.standing({.timeline = {1}, .position = {kHere.value + 8}, .replayed = before, .way = {}}),
            Standing::diverged);
}

}  // namespace
}  // namespace tanist::ha
