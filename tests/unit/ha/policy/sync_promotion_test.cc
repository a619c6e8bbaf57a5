#include "ha/policy/sync_promotion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tanist::ha {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr int kVersion = 150004;

dcs::SyncState record_of(const std::string& leader, std::vector<std::string> voters, int quorum = 0) {
  dcs::SyncState state;
  state.leader = leader, state.voters = std::move(voters), state.quorum = quorum;
  return state;
}

policy::BeforePromotion priority(const dcs::SyncState& state, const std::string& me, bool strict = false,
                                 int version = kVersion) {
  return policy::before_promotion_in_priority_mode(state, me, strict, version);
}

policy::BeforePromotion quorum(const dcs::SyncState& state, const std::string& me, bool strict = false) {
  return policy::before_promotion_in_quorum_mode(state, me, strict);
}

std::string text_of(const policy::BeforePromotion& before) {
  return postgres::to_text(before.names, kVersion);
}

TEST(SyncPromotion, in_priority_mode_commits_wait_for_nobody_at_first) {
  const auto before = priority(record_of("n1", {"n2", "n3"}), "n2");
  ASSERT_TRUE(before.record);
  EXPECT_EQ(before.record->leader, "n2");
  EXPECT_THAT(before.record->voters, IsEmpty());
  EXPECT_EQ(before.record->quorum, 0);
  EXPECT_EQ(before.names.kind, postgres::StandbyNames::Kind::off);
  EXPECT_EQ(text_of(before), "");
}

TEST(SyncPromotion, in_strict_priority_mode_they_wait_for_all_others_of_the_record) {
  const auto before = priority(record_of("n1", {"n3", "N2"}), "n2", true);
  ASSERT_TRUE(before.record);
  EXPECT_THAT(before.record->voters, ElementsAre("n1", "n3"));
  EXPECT_EQ(text_of(before), "2 (n1,n3)");
  EXPECT_EQ(text_of(priority(record_of("n1", {"n2"}), "n2", true)), "n1");
}

TEST(SyncPromotion, in_strict_priority_mode_without_others_they_wait) {
  for (const auto& state : {record_of("n1", {}), dcs::SyncState{}}) {
    const auto before = priority(state, "n1", true);
    ASSERT_TRUE(before.record);
    EXPECT_THAT(before.record->voters, IsEmpty());
    EXPECT_EQ(text_of(before), postgres::kStrictPlaceholder);
  }
}

TEST(SyncPromotion, an_old_server_waits_for_the_old_leader) {
  const auto before = priority(record_of("n3", {"n1", "n2"}), "n2", true, 90500);
  EXPECT_THAT(before.record->voters, ElementsAre("n3"));
  EXPECT_EQ(before.names.names, NameSet{std::string("n3")});
  EXPECT_THAT(priority(record_of("n2", {"n3", "n1"}), "n2", true, 90500).record->voters, ElementsAre("n1"));
}

TEST(SyncPromotion, in_quorum_mode_a_commit_leaves_too_few_for_another_election) {
  const auto before = quorum(record_of("n1", {"n2", "n3", "n4"}, 1), "n2");
  EXPECT_EQ(text_of(before), "ANY 2 (n1,n3,n4)");
  EXPECT_EQ(before.names.kind, postgres::StandbyNames::Kind::quorum);
  EXPECT_EQ(text_of(quorum(record_of("n1", {"n2", "n3"}, 1), "N2")), "ANY 1 (n1,n3)");
  EXPECT_EQ(text_of(quorum(record_of("n1", {"n2"}, 0), "n2")), "ANY 1 (n1)");
  EXPECT_EQ(text_of(quorum(record_of("n1", {"n2", "n3"}, 0), "n1")), "ANY 2 (n2,n3)");
}

TEST(SyncPromotion, in_quorum_mode_who_comes_from_outside_waits_for_one_more) {
  EXPECT_EQ(text_of(quorum(record_of("n1", {"n2", "n3"}, 1), "n4")), "ANY 2 (n1,n2,n3)");
  EXPECT_EQ(text_of(quorum(record_of("n1", {}), "n2")), "ANY 1 (n1)");
}

TEST(SyncPromotion, in_quorum_mode_nobody_is_waited_for_where_there_is_nobody) {
  EXPECT_EQ(text_of(quorum(record_of("n1", {}), "n1")), "");
  EXPECT_EQ(text_of(quorum({}, "n1")), "");
  EXPECT_EQ(text_of(quorum({}, "n1", true)), "ANY 1 (" + std::string(postgres::kStrictPlaceholder) + ")");
}

TEST(SyncPromotion, in_quorum_mode_one_is_waited_for_where_a_quorum_asks_for_all) {
  EXPECT_EQ(text_of(quorum(record_of("n1", {"n2", "n3"}, 2), "n2")), "ANY 1 (n1,n3)");
}

TEST(SyncPromotion, in_quorum_mode_the_new_leader_is_recorded_before_it_can_commit) {
  const auto before = quorum(record_of("n1", {"n2", "n3", "n4"}, 1), "n2");
  ASSERT_TRUE(before.record);
  EXPECT_EQ(before.record->leader, "n2");
  EXPECT_THAT(before.record->voters, ElementsAre("n1", "n3", "n4"));
  EXPECT_EQ(before.record->quorum, 1);
  // It has led last.
  EXPECT_FALSE(quorum(record_of("n1", {"n2", "n3"}, 1), "N1").record);
  // The mode is not active yet.
  EXPECT_FALSE(quorum({}, "n1").record);
}

TEST(SyncPromotion, with_zones_the_first_list_leaves_room_for_one_of_another) {
  const policy::OtherZones zones{.wanted = 1, .members = {"n1"}};
  const auto record = record_of("n1", {"n2", "n3", "n4"}, 2);
  EXPECT_EQ(text_of(policy::before_promotion_in_quorum_mode(record, "n2", false, kVersion)),
            "ANY 1 (n1,n3,n4)");
  EXPECT_EQ(text_of(policy::before_promotion_in_quorum_mode(record, "n2", false, kVersion, zones)),
            "ANY 3 (n1,n3,n4)");
}

TEST(SyncPromotion, in_strict_mode_commits_wait_for_a_zone_of_which_nobody_is_known) {
  const policy::OtherZones zones{.wanted = 1, .members = {"n4"}};
  const auto record = record_of("n1", {"n2", "n3"});
  const std::string never(postgres::kStrictPlaceholder);
  EXPECT_EQ(text_of(policy::before_promotion_in_priority_mode(record, "n2", true, kVersion, zones)),
            "3 (" + never + ",n1,n3)");
  EXPECT_EQ(text_of(policy::before_promotion_in_quorum_mode(record, "n2", true, kVersion, zones)),
            "ANY 3 (" + never + ",n1,n3)");
  EXPECT_EQ(text_of(policy::before_promotion_in_priority_mode(record, "n2", false, kVersion, zones)), "");
  const auto alone =
      policy::before_promotion_in_priority_mode(record_of("n1", {}), "n1", true, kVersion, zones);
  EXPECT_EQ(text_of(alone), never);
}

TEST(SyncPromotion, a_server_that_waits_for_one_only_waits_for_one_that_never_comes) {
  constexpr int kOld = 90524;
  const policy::OtherZones zones{.wanted = 1, .members = {"n4"}};
  const auto before =
      policy::before_promotion_in_priority_mode(record_of("n1", {"n2", "n3"}), "n2", true, kOld, zones);
  EXPECT_EQ(postgres::to_text(before.names, kOld), postgres::kStrictPlaceholder);
}

}  // namespace
}  // namespace tanist::ha
