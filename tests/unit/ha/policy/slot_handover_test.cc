#include "ha/policy/slot_handover.h"

#include <gtest/gtest.h>

#include "unit/ha/policy/failover_requests.h"
#include "unit/ha/view_builder.h"

namespace tanist::ha {
namespace {

using namespace testing;

// Logical slots go with the lead (replication.md §9).

constexpr Lsn kGot{kHere.value - 50};

postgres::SlotSeen logical_slot(const std::string& name) {
  return {.name = name,
          .logical = true,
          .restart_lsn = kGot,
          .confirmed_flush_lsn = kGot,
          .database = "app",
          .plugin = "pgoutput"};
}

/// I lead, with a permanent slot; the others have what they are given.
ViewBuilder leading_with_slots(const std::string& leader, const std::string& candidate,
                               std::optional<std::vector<std::string>> of_n2,
                               std::optional<std::vector<std::string>> of_n3) {
  ViewBuilder b = leading(leader, candidate);
  b.settings.dynamic.permanent_slots.push_back({.name = "feed", .database = "app", .plugin = "pgoutput"});
  b.view.postgres.facts.probe->slots.push_back(logical_slot("feed"));
  b.view.postgres.facts.probe->server_version = 150004;
  b.view.answers.peers->at("n2").logical_slots = std::move(of_n2);
  b.view.answers.peers->at("n3").logical_slots = std::move(of_n3);
  return b;
}
using Names = std::vector<std::string>;

TEST(SwitchoverWithSlots, is_refused_where_the_candidate_cannot_go_on_with_them) {
  const Decision d = leading_with_slots("n1", "n2", Names{}, Names{"feed"}).decide();
  expect_refused(
      d,
      "switchover: n2 is not ready to take over the logical slots 'feed', it is not carried out\n"
      "HINT: a switchover waits until each copy can be relied on; a failover to a named member does "
      "not");
  EXPECT_TRUE(says(d, "Member n2 is not ready to take over the logical slots 'feed'"));
  EXPECT_TRUE(hands_over(leading_with_slots("n1", "n3", Names{}, Names{"feed"}).decide()));
}

TEST(SwitchoverWithSlots, goes_to_members_that_do_not_tell) {
  EXPECT_TRUE(hands_over(leading_with_slots("n1", "n2", std::nullopt, std::nullopt).decide()))
      << "Patroni's, which nobody can ask";
}

TEST(SwitchoverWithSlots, without_a_candidate_needs_one_that_can) {
  EXPECT_TRUE(hands_over(leading_with_slots("n1", "", Names{}, Names{"feed"}).decide()));
  const Decision d = leading_with_slots("n1", "", Names{}, Names{"other"}).decide();
  EXPECT_FALSE(hands_over(d));
  EXPECT_TRUE(says_something_like(d, "n2 or n3 is not ready to take over the logical slots 'feed'"));
}

TEST(SwitchoverWithSlots, what_nobody_goes_on_with_holds_nobody_up) {
  ViewBuilder b = leading_with_slots("n1", "n2", Names{}, Names{});
  b.view.postgres.facts.probe->slots.back().wal_status = "lost";
  EXPECT_TRUE(hands_over(b.decide())) << "its consumer has to begin anew anyway";
  b = leading_with_slots("n1", "n2", Names{}, Names{});
  b.settings.dynamic.permanent_slots.clear();
  EXPECT_TRUE(hands_over(b.decide())) << "it is not kept anywhere";
  b = leading_with_slots("n1", "n2", Names{}, Names{});
  b.settings.postgresql.use_slots = false;
  EXPECT_TRUE(hands_over(b.decide()));
  b = leading_with_slots("n1", "n2", Names{}, Names{});
  b.view.postgres.facts.probe->slots.back().plugin = "wal2json";
  EXPECT_TRUE(hands_over(b.decide())) << "it is about to be replaced";
}

TEST(SwitchoverWithSlots, those_that_postgresql_copies_count) {
  ViewBuilder b = leading_with_slots("n1", "n2", Names{}, Names{"feed"});
  b.settings.dynamic.permanent_slots.clear();
  b.view.postgres.facts.probe->slots.back().failover = true;
  EXPECT_FALSE(hands_over(b.decide()));
  asks(b, "n1", "n3");
  EXPECT_TRUE(hands_over(b.decide()));
}

TEST(SwitchoverWithSlots, a_failover_is_carried_out_and_says_what_is_lost) {
  const Decision d = leading_with_slots("", "n2", Names{}, Names{"feed"}).decide();
  EXPECT_TRUE(hands_over(d));
  EXPECT_TRUE(
      says(d,
           "manual failover: n2 is not ready to take over the logical slots 'feed': their consumers may "
           "miss changes"));
}

TEST(SwitchoverWithSlots, is_given_up_where_a_slot_is_missing_right_before_the_stop) {
  ViewBuilder b = about_to_stop();
  b.settings.dynamic.permanent_slots.push_back({.name = "feed", .database = "app", .plugin = "pgoutput"});
  b.view.postgres.facts.probe->slots.push_back(logical_slot("feed"));
  b.view.answers.peers->at("n2").logical_slots = Names{"feed"};
  EXPECT_TRUE(goes_on(b.decide()));
  b.view.answers.peers->at("n2").logical_slots = Names{};
  const Decision d = b.decide();
  EXPECT_TRUE(intends<intent::PreEmpt>(d));
  EXPECT_TRUE(says_something_like(d, "n2 is not ready to take over the logical slots 'feed'"));
}

/// Nobody leads, n2 did; n3 can go on with the slot.
ViewBuilder racing_with_slots(const std::string& leader) {
  ViewBuilder b = racing(leader, "");
  if (leader.empty()) b.cluster.failover = {};
  b.view.answers.peers->at("n2").reachable = false;
  b.view.answers.peers->at("n3").logical_slots = Names{"feed"};
  return b;
}

TEST(RaceWithSlots, is_left_to_one_that_can_go_on_with_them_but_not_for_ever) {
  for (const auto& [leader, patience] : {std::pair("n2", 10s), std::pair("", 2s)}) {
    ViewBuilder b = racing_with_slots(leader);
    const Decision d = b.decide();
    EXPECT_FALSE(intends<intent::Acquire>(d)) << leader;
    EXPECT_TRUE(says(d, "the leader key is left to n3, which can go on with the logical slots 'feed'"));
    b.view.memory = d.memory;
    b.view.now += patience - 1s;
    b.view.postgres.facts.probe->asked_at = b.view.now;
    EXPECT_FALSE(intends<intent::Acquire>(b.decide())) << leader;
    b.view.now += 1s;
    b.view.postgres.facts.probe->asked_at = b.view.now;
    EXPECT_TRUE(intends<intent::Acquire>(b.decide())) << leader;
  }
}

TEST(RaceWithSlots, is_left_to_nobody_who_is_behind_or_cannot_lead) {
  ViewBuilder b = racing_with_slots("");
  b.view.answers.peers->at("n3").position = kBehind;
  EXPECT_TRUE(intends<intent::Acquire>(b.decide()));
  b = racing_with_slots("");
  b.view.answers.peers->at("n3").nofailover = true;
  EXPECT_TRUE(intends<intent::Acquire>(b.decide()));
  b = racing_with_slots("");
  b.view.answers.peers->at("n3").failover_priority = 0;
  EXPECT_TRUE(intends<intent::Acquire>(b.decide())) << "it stands back itself";
  b = racing_with_slots("");
  b.view.postgres.facts.probe->slots.push_back(logical_slot("feed"));
  EXPECT_TRUE(intends<intent::Acquire>(b.decide())) << "both can";
  b.view.postgres.facts.unready_slots = {"feed"};
  EXPECT_FALSE(intends<intent::Acquire>(b.decide()));
  b.view.postgres.facts.probe->slots.push_back(logical_slot("mine"));
  EXPECT_TRUE(intends<intent::Acquire>(b.decide())) << "each lacks one";
}

}  // namespace
}  // namespace tanist::ha
