#include "ha/policy/branches.h"

#include <gtest/gtest.h>

#include <string>

#include "ha/policy/race.h"
#include "ha/policy/timelines.h"
#include "unit/ha/view_builder.h"

/// Timelines of one number that begin at the very same point, and what tells one from the other.
namespace tanist::ha {
namespace {

using namespace testing;

constexpr Lsn kFork{kHere.value - 0x1000};
const policy::Way kToSecond{{.parent = {1}, .switch_lsn = kFork}};

void is_on(ViewBuilder& b, std::uint32_t timeline, const policy::Way& way) {
  auto& facts = b.view.postgres.facts;
  facts.probe->effective_timeline = facts.probe->timeline = {timeline};
  facts.history = postgres::TimelineHistory{.timeline = {timeline}, .lines = way};
}

dcs::LedFrom led_from_first(const std::string& next) {
  return {
      .timeline = {1}, .position = kFork, .replayed = kFork, .optime = kFork, .branch = "root", .next = next};
}

/// n2 leads since it took the key on timeline 1, where it was promoted to the second.
ViewBuilder streaming() {
  ViewBuilder b = ViewBuilder().as_replica();
  b.view.postgres.facts.probe->receiver_state = "streaming";
  b.cluster.leadership_name = "n2";
  b.cluster.led_from = led_from_first("blue");
  b.cluster.members["n2"].timeline = {2};
  is_on(b, 2, kToSecond);
  return b;
}

/// The same n1, as the leader.
ViewBuilder leading() {
  ViewBuilder b = ViewBuilder().as_leader();
  b.cluster.leadership_name = "n1";
  b.cluster.led_from = led_from_first("blue");
  is_on(b, 2, kToSecond);
  return b;
}

BranchNoted told_to_promote() {
  return {
      .system = kSystemId, .place = "here", .timeline = {1}, .branch = "root", .from = {1}, .next = "red"};
}

TEST(Branches, a_standby_hears_from_the_leader_that_it_streams_from_which_timeline_it_is_on) {
  EXPECT_EQ(policy::branch_told(streaming().build()), "blue");
  ViewBuilder first = streaming();
  is_on(first, 1, {});
  EXPECT_EQ(policy::branch_told(first.build()), "root") << "the one that was led from";
  first.cluster.led_from->branch.clear();
  EXPECT_EQ(policy::branch_told(first.build()), "");
}

TEST(Branches, a_standby_hears_nothing_of_a_timeline_that_the_leader_has_not_begun) {
  const auto told = [](const auto& change) {
    ViewBuilder b = streaming();
    change(b);
    return policy::branch_told(b.build());
  };
  EXPECT_EQ(told([](auto& b) { b.view.postgres.facts.probe->receiver_state.clear(); }), "");
  EXPECT_EQ(told([](auto& b) { b.cluster.members["n2"].timeline = {1}; }), "") << "its key tells another";
  EXPECT_EQ(told([](auto& b) { b.cluster.members["n2"].role = "replica"; }), "") << "it is not promoted yet";
  EXPECT_EQ(told([](auto& b) { b.cluster.leadership_name = "n3"; }), "") << "it has not signed: a Patroni";
  EXPECT_EQ(told([](auto& b) { b.cluster.led_from.reset(); }), "");
  EXPECT_EQ(told([](auto& b) { b.view.store.ok = false; }), "");
  EXPECT_EQ(told([](auto& b) {
              b.cluster.led_from->timeline = {};
              b.cluster.history.lines = kToSecond;
              b.cluster.history.lines.back().new_leader = "n2";
            }),
            "")
      << "who took the key did not know on which it was";
  EXPECT_EQ(told([](auto& b) { b.view.postgres.facts.history.reset(); }), "");
  EXPECT_EQ(told([](auto& b) { b.settings.dynamic.standby_cluster = true; }), "")
      << "its timelines are those of another cluster";
  EXPECT_EQ(told([](auto& b) { is_on(b, 2, {{.parent = {1}, .switch_lsn = Lsn{kFork.value - 8}}}); }), "")
      << "this one was begun before the leader's position";
}

TEST(Branches, what_the_leader_tells_of_its_switch_counts_for_more_than_its_number) {
  ViewBuilder b = streaming();
  b.cluster.history.lines = {{.parent = {1}, .switch_lsn = Lsn{kFork.value + 8}, .new_leader = "n2"}};
  EXPECT_EQ(policy::branch_told(b.build()), "") << "own WAL left the first timeline elsewhere";
  // Who crashed and kept the key was promoted again under it.
  const policy::Way twice{kToSecond.front(), {.parent = {2}, .switch_lsn = kHere}};
  is_on(b, 3, twice);
  b.cluster.members["n2"].timeline = {3};
  EXPECT_EQ(policy::branch_told(b.build()), "");
  b.cluster.history.lines = twice;
  b.cluster.history.lines.back().new_leader = "n2";
  EXPECT_EQ(policy::branch_told(b.build()), "blue");
}

TEST(Branches, a_leader_knows_the_timeline_that_it_has_begun_under_its_key) {
  EXPECT_EQ(policy::branch_told(leading().build()), "blue");
  ViewBuilder b = leading();
  b.cluster.leadership_name = "n3";
  EXPECT_EQ(policy::branch_told(b.build()), "") << "it does not know under which leadership it has the key";
  b = leading();
  b.cluster.led_from->timeline = {};
  b.cluster.history.lines = kToSecond;
  b.cluster.history.lines.back().new_leader = "n1";
  EXPECT_EQ(policy::branch_told(b.build()), "");
  ViewBuilder standby = leading();
  standby.view.postgres.facts.probe->in_recovery = true;
  EXPECT_EQ(policy::branch_told(standby.build()), "");
}

TEST(Branches, a_promotion_that_is_over_has_begun_the_timeline_that_was_noted_before) {
  ViewBuilder b = leading();
  b.cluster.led_from.reset();
  const BranchNoted note = policy::after(told_to_promote(), b.build());
  EXPECT_EQ(note.timeline, Timeline{2});
  EXPECT_EQ(note.branch, "red");
  EXPECT_EQ(note.next, "");
  EXPECT_EQ(policy::after(told_to_promote(), leading().build()).branch, "blue")
      << "it has the key anew since it was told, and others hear of it by that";
}

TEST(Branches, while_a_promotion_goes_on_nothing_is_forgotten) {
  ViewBuilder b = ViewBuilder().as_replica();
  b.view.postgres.promoting = true;
  EXPECT_EQ(policy::after(told_to_promote(), b.build()), told_to_promote());
  b.view.postgres.promoting = false;
  b.operation(OperationKind::promote);
  EXPECT_EQ(policy::after(told_to_promote(), b.build()), told_to_promote());
  b.starting();
  EXPECT_EQ(policy::after(told_to_promote(), b.build()), told_to_promote());
}

TEST(Branches, a_promotion_that_failed_leaves_what_was_known) {
  const BranchNoted note = policy::after(told_to_promote(), ViewBuilder().as_replica().build());
  EXPECT_EQ(note.timeline, Timeline{1});
  EXPECT_EQ(note.branch, "root");
  EXPECT_EQ(note.next, "");
  ViewBuilder follows = streaming();
  EXPECT_EQ(policy::after(note, follows.build()).branch, "blue") << "the timeline of whom it follows then";
  ViewBuilder down = ViewBuilder().as_replica().down("in archive recovery");
  down.view.postgres.facts.process_since = down.view.postgres.facts.control->seen_at - 1s;
  EXPECT_EQ(policy::after(told_to_promote(), down.build()).next, "");
}

TEST(Branches, a_server_that_died_right_after_its_promotion_is_known_by_its_way) {
  ViewBuilder down = ViewBuilder().as_replica().down("in production");
  auto& facts = down.view.postgres.facts;
  facts.process_since = facts.control->seen_at + 1s;
  EXPECT_EQ(policy::after(told_to_promote(), down.build()), told_to_promote())
      << "the control file is of before";
  facts.process_since = facts.control->seen_at - 1s;
  const BranchNoted died = policy::after(told_to_promote(), down.build());
  EXPECT_TRUE(died.promoted);

  ViewBuilder again = ViewBuilder().as_replica();
  is_on(again, 2, kToSecond);
  EXPECT_EQ(policy::after(died, again.build()).branch, "red");
  is_on(again, 3, {kToSecond.front(), {.parent = {2}, .switch_lsn = kHere}});
  const BranchNoted went_on = policy::after(died, again.build());
  EXPECT_EQ(went_on.timeline, Timeline{2}) << "it has followed another to the third by now";
  EXPECT_EQ(went_on.branch, "red");
  again.view.postgres.facts.history.reset();
  EXPECT_EQ(policy::after(died, again.build()), died) << "how it came there is not known yet";
  is_on(again, 1, {});
  EXPECT_EQ(policy::after(died, again.build()), died);
}

TEST(Branches, what_is_known_is_not_learned_again) {
  BranchNoted note{.timeline = {2}, .branch = "red"};
  EXPECT_EQ(policy::after(note, streaming().build()).branch, "red")
      << "it streams, and is another all the same";
  note.timeline = {1};
  EXPECT_EQ(policy::after(note, streaming().build()).branch, "blue");
  ViewBuilder replaced = streaming().operation(OperationKind::rewind);
  EXPECT_EQ(policy::after(note, replaced.build()), note);
}

/// n2 led last, on a second timeline; n1 and n3 are left, on one of the same begin.
ViewBuilder look_alikes(const std::string& mine, const std::string& other) {
  ViewBuilder b = ViewBuilder().as_candidate().peer_unreachable("n2");
  b.cluster.history = {.version = dcs::Version("4"), .lines = kToSecond};
  b.cluster.history.lines.back().new_leader = "n2";
  b.cluster.leadership_version = dcs::Version("30");
  b.cluster.leadership_name = "n2";
  b.cluster.led_from = led_from_first("blue");
  b.last = b.cluster;
  b.last.leader = dcs::Leader{.name = "n2", .claim = "c", .version = dcs::Version("50")};
  for (auto* cluster : {&b.cluster, &b.last})
    for (auto& [name, member] : cluster->members) member.timeline = {};
  is_on(b, 2, kToSecond);
  b.view.postgres.branch = {{2}, mine};
  b.peer("n3", Lsn{kHere.value + 8}, {2});
  b.view.answers.peers->at("n3").way = kToSecond;
  b.view.answers.peers->at("n3").branch = other;
  return b;
}

bool leads(const ViewBuilder& b) {
  return intends<intent::Acquire>(b.decide());
}

TEST(LookAlikes, what_was_promoted_beside_the_last_leader_from_the_same_point_is_not_ahead) {
  EXPECT_TRUE(leads(look_alikes("blue", "red")));
  EXPECT_FALSE(leads(look_alikes("blue", "blue"))) << "it has more of the same";
  EXPECT_FALSE(leads(look_alikes("blue", ""))) << "an earlier Tanist, or Patroni, does not tell";
  EXPECT_TRUE(leads(look_alikes("", "red")));
}

TEST(LookAlikes, who_was_promoted_beside_the_last_leader_does_not_lead) {
  const auto with_less = [](const std::string& mine, const std::string& other) {
    ViewBuilder b = look_alikes(mine, other);
    b.view.answers.peers->at("n3").position = kFork;
    return b;
  };
  EXPECT_TRUE(leads(with_less("blue", "blue")));
  EXPECT_TRUE(leads(with_less("", "blue")));
  const Decision d = with_less("red", "blue").decide();
  EXPECT_FALSE(intends<intent::Acquire>(d));
  EXPECT_TRUE(d.memory.standings.diverged) << "peers are told";
  ViewBuilder of_another_number = with_less("red", "blue");
  of_another_number.view.postgres.branch.timeline = {1};
  EXPECT_TRUE(leads(of_another_number)) << "what is known is not of the own timeline";
}

TEST(LookAlikes, to_have_taken_the_key_is_not_to_have_begun_a_timeline) {
  ViewBuilder b = look_alikes("red", "green");
  b.view.answers.peers->at("n3").position = kFork;
  b.cluster.history.lines.back().new_leader = b.last.history.lines.back().new_leader = "n3";
  EXPECT_TRUE(leads(b)) << "n2 may never have been promoted";
  b.last.members["n2"].role = "primary";
  b.last.members["n2"].timeline = {2};
  EXPECT_FALSE(leads(b)) << "its member key said that it was";
  b.last.leadership_version = dcs::Version("29");
  EXPECT_TRUE(leads(b)) << "under another leadership";
  b.view.answers.peers->at("n3").branch = "blue";
  EXPECT_FALSE(leads(b)) << "n3 has followed it there";
}

TEST(LookAlikes, the_timeline_that_was_led_from_is_told_apart_at_once) {
  ViewBuilder b = look_alikes("red", "");
  b.peer_unreachable("n3");
  b.cluster.led_from->timeline = {2};
  b.cluster.led_from->branch = "blue";
  EXPECT_FALSE(leads(b));
  b.cluster.led_from->branch = "red";
  EXPECT_TRUE(leads(b));
  b.cluster.led_from->branch = "";
  EXPECT_TRUE(leads(b)) << "who took the key did not know it";
}

TEST(LookAlikes, a_leadership_that_somebody_led_since_without_signing_tells_nothing) {
  ViewBuilder b = look_alikes("red", "");
  b.peer_unreachable("n3");
  EXPECT_FALSE(leads(b));
  b.last.leader->name = "n3";
  EXPECT_TRUE(leads(b));
}

TEST(LookAlikes, later_timelines_than_that_are_judged_by_their_way_alone) {
  // The store was restored from a backup: it knows of the third timeline nothing.
  ViewBuilder b = look_alikes("red", "");
  b.peer_unreachable("n3");
  is_on(b, 3, {kToSecond.front(), {.parent = {2}, .switch_lsn = kHere}});
  b.view.postgres.branch = {{3}, "red"};
  EXPECT_TRUE(leads(b));
}

TEST(LookAlikes, to_delete_the_history_gives_up_what_it_tells_of) {
  ViewBuilder b = look_alikes("red", "");
  b.peer_unreachable("n3");
  b.cluster.led_from->timeline = {2};
  b.cluster.led_from->branch = "blue";
  b.cluster.history = b.last.history = {};
  EXPECT_TRUE(leads(b));
}

TEST(LookAlikes, in_a_standby_cluster_nothing_is_told_apart) {
  ViewBuilder b = look_alikes("red", "");
  b.settings.dynamic.standby_cluster = true;
  const policy::Line line(b.build());
  EXPECT_FALSE(line.another_branch(policy::own_end(b.build())));
}

TEST(LookAlikes, neither_holds_the_other) {
  const policy::WalEnd red{
      .timeline = {2}, .position = {80}, .replayed = {80}, .way = kToSecond, .branch = "red"};
  policy::WalEnd other = red;
  EXPECT_TRUE(policy::holds(red, other));
  other.branch = "blue";
  EXPECT_FALSE(policy::holds(red, other));
  other.branch.clear();
  EXPECT_TRUE(policy::holds(red, other)) << "nothing is known of it";
}

TEST(LookAlikes, who_takes_the_key_tells_what_it_leads_from) {
  ViewBuilder b = look_alikes("blue", "");
  b.peer_unreachable("n3");
  const Decision d = b.decide();
  ASSERT_TRUE(intends<intent::Acquire>(d));
  EXPECT_EQ(std::get<intent::Acquire>(d.intent).from.branch, "blue");
}

/// n2 leads; n1 streams from it, and was promoted beside it.
ViewBuilder streams_beside() {
  ViewBuilder b = streaming();
  b.view.postgres.branch = {{2}, "red"};
  b.cluster.history = {.version = dcs::Version("4"), .lines = kToSecond};
  b.cluster.history.lines.back().new_leader = "n2";
  b.settings.postgresql.use_pg_rewind = true;
  b.last = b.cluster;
  return b;
}

ViewBuilder compared(ViewBuilder b, postgres::Divergence verdict) {
  b.divergence(verdict);
  auto& answer = *b.view.answers.divergence;
  answer.local_timeline = answer.leader_timeline = {2};
  answer.local_way = kToSecond;
  return b;
}

TEST(LookAlikes, one_that_streams_from_the_leader_is_compared_and_needs_a_new_copy) {
  ViewBuilder b = streams_beside();
  ASSERT_TRUE(b.decide().needs.divergence) << "although it streams";
  EXPECT_TRUE(b.decide().memory.standings.diverged);
  b.settings.postgresql.remove_data_directory_on_diverged_timelines = true;
  // Both begins are gone by now: the comparison sees no difference.
  ViewBuilder alike = compared(b, postgres::Divergence::none).linearizable();
  EXPECT_TRUE(intends<intent::Clone>(alike.decide()));
  b.settings.postgresql.remove_data_directory_on_diverged_timelines = false;
  alike = compared(b, postgres::Divergence::none);
  const Decision d = alike.decide();
  EXPECT_TRUE(intends<intent::None>(d)) << "pg_rewind would find nothing to do";
  EXPECT_TRUE(d.memory.rejoin.beyond_rewind);
}

TEST(LookAlikes, one_that_the_leader_has_left_behind_is_not_rewound_to_the_wrong_point) {
  ViewBuilder b = compared(streams_beside(), postgres::Divergence::diverged);
  // n2 went on to the third: pg_rewind would take its second for that of n1.
  b.cluster.led_from->timeline = {2};
  b.cluster.led_from->branch = "blue";
  b.cluster.members["n2"].timeline = {3};
  b.cluster.history.lines.push_back({.parent = {2}, .switch_lsn = kHere, .new_leader = "n2"});
  b.last = b.cluster;
  b.view.answers.divergence->leader_timeline = {3};
  EXPECT_FALSE(intends<intent::Rewind>(b.decide()));
  EXPECT_TRUE(b.decide().memory.rejoin.beyond_rewind);
  b.view.answers.divergence->local_way = policy::Way{{.parent = {1}, .switch_lsn = Lsn{kFork.value - 8}}};
  EXPECT_TRUE(intends<intent::Rewind>(b.decide())) << "their histories differ: that it sees itself";
}

}  // namespace
}  // namespace tanist::ha
