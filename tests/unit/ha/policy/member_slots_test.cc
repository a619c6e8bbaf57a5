#include "ha/policy/member_slots.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/ha/view_builder.h"

namespace tanist::ha {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> names(const std::vector<postgres::WantedSlot>& slots) {
  std::vector<std::string> found;
  for (const auto& slot : slots) found.push_back(slot.name + (slot.expected_active ? "" : " (inactive)"));
  return found;
}

std::vector<std::string> wanted(const ViewBuilder& b) {
  return names(policy::member_slots(b.build()));
}

TEST(MemberSlots, a_primary_has_one_for_each_other_member) {
  EXPECT_THAT(wanted(ViewBuilder().as_leader()), ElementsAre("n2", "n3"));
}

TEST(MemberSlots, a_replica_keeps_one_for_each_too) {
  EXPECT_THAT(wanted(ViewBuilder().as_replica()), ElementsAre("n2 (inactive)", "n3 (inactive)"));
}

TEST(MemberSlots, a_cascade_is_active_where_it_streams_from) {
  ViewBuilder primary = ViewBuilder().as_leader();
  primary.cluster.members["n3"].tags = Document::map({{"replicatefrom", "n2"}});
  EXPECT_THAT(wanted(primary), ElementsAre("n2", "n3 (inactive)"));
  ViewBuilder upstream = ViewBuilder().as_replica();
  upstream.cluster.members["n3"].tags = Document::map({{"replicatefrom", "n1"}});
  EXPECT_THAT(wanted(upstream), ElementsAre("n2 (inactive)", "n3"));
}

TEST(MemberSlots, a_cascade_from_nobody_streams_from_the_primary) {
  ViewBuilder b = ViewBuilder().as_leader();
  b.cluster.members["n3"].tags = Document::map({{"replicatefrom", "gone"}});
  EXPECT_THAT(wanted(b), ElementsAre("n2", "n3"));
}

TEST(MemberSlots, who_does_not_stream_has_none) {
  ViewBuilder b = ViewBuilder().as_leader();
  b.cluster.members["n3"].tags = Document::map({{"nostream", true}});
  EXPECT_THAT(wanted(b), ElementsAre("n2"));
}

TEST(MemberSlots, who_may_not_be_promoted_keeps_only_its_cascade) {
  ViewBuilder b = ViewBuilder().as_replica();
  b.settings.tags.nofailover = true;
  b.cluster.members["n3"].tags = Document::map({{"replicatefrom", "n1"}});
  EXPECT_THAT(wanted(b), ElementsAre("n3"));
}

TEST(MemberSlots, a_primary_that_may_not_be_promoted_feeds_the_others_all_the_same) {
  ViewBuilder b = ViewBuilder().as_leader();
  b.settings.tags.nofailover = true;
  EXPECT_THAT(wanted(b), ElementsAre("n2", "n3"));
}

TEST(MemberSlots, without_retention_a_replica_has_none_of_its_own_accord) {
  ViewBuilder b = ViewBuilder().as_replica();
  b.settings.dynamic.member_slots_ttl = 0s;
  EXPECT_THAT(wanted(b), IsEmpty());
}

TEST(MemberSlots, there_are_none_where_slots_are_off) {
  ViewBuilder b = ViewBuilder().as_leader();
  b.settings.postgresql.use_slots = false;
  EXPECT_THAT(wanted(b), IsEmpty());
}

TEST(MemberSlots, names_are_made_fit) {
  ViewBuilder b = ViewBuilder().as_leader().without_member("n2").without_member("n3").member("Node-1.db");
  EXPECT_THAT(wanted(b), ElementsAre("node_1_db"));
}

TEST(MemberSlots, two_names_that_become_one_share_a_slot) {
  ViewBuilder b =
      ViewBuilder().as_leader().without_member("n2").without_member("n3").member("a-1").member("a.1");
  EXPECT_THAT(wanted(b), ElementsAre("a_1"));
}

TEST(MemberSlots, positions_come_from_the_status) {
  ViewBuilder b = ViewBuilder().as_replica();
  b.cluster.status.slots = {{"n3", Lsn{77}}};
  for (const auto& slot : policy::member_slots(b.build()))
    EXPECT_EQ(slot.advance_to, slot.name == "n3" ? Lsn{77} : Lsn{});
}

TEST(MemberSlots, positions_of_a_cascade_come_from_its_member_key) {
  ViewBuilder b = ViewBuilder().as_leader();
  b.cluster.members["n3"].tags = Document::map({{"replicatefrom", "n2"}});
  for (const auto& slot : policy::member_slots(b.build()))
    if (slot.name == "n3") EXPECT_EQ(slot.advance_to, kHere);
}

TEST(MemberSlots, under_an_old_leader_positions_come_from_the_member_keys) {
  ViewBuilder b = ViewBuilder().as_replica();
  b.cluster.members["n2"].patroni_version = "3.3.2";
  for (const auto& slot : policy::member_slots(b.build())) EXPECT_EQ(slot.advance_to, kHere);
}

TEST(MemberSlots, retained_ones_are_kept) {
  ViewBuilder b = ViewBuilder().as_leader();
  b.cluster.status.retain_slots = {"away", "n1", "n2"};
  EXPECT_THAT(wanted(b), ElementsAre("n2", "n3", "away (inactive)"));
}

TEST(MemberSlots, names_that_become_one_are_told) {
  ViewBuilder b = ViewBuilder().as_leader().member("a-1").member("a.1").member("B.2").member("b-2");
  EXPECT_TRUE(says(b.decide(),
                   "Following cluster members share a replication slot name: a-1, a.1 map to a_1; B.2, b-2 "
                   "map to b_2"));
}

postgres::SlotSeen logical(const std::string& name, Lsn confirmed) {
  return {.name = name,
          .logical = true,
          .restart_lsn = Lsn{1},
          .confirmed_flush_lsn = confirmed,
          .database = "app",
          .plugin = "pgoutput"};
}

TEST(StatusDuty, publishes_positions_of_the_leader_and_its_slots) {
  ViewBuilder b = ViewBuilder().as_leader();
  b.settings.dynamic.permanent_slots = {{.name = "audit", .database = "app", .plugin = "pgoutput"}};
  b.view.postgres.facts.probe->slots.push_back(logical("audit", Lsn{2}));
  b.view.postgres.facts.probe->slots.push_back(logical("foreign", Lsn{2}));
  const auto status = duties<duty::Status>(b.decide()).at(0).status;
  EXPECT_EQ(status.optime, kHere);
  EXPECT_EQ(status.slots,
            (std::map<std::string, Lsn>{{"audit", {2}}, {"n1", kHere}, {"n2", kHere}, {"n3", kHere}}));
  EXPECT_THAT(status.retain_slots, ElementsAre("n1", "n2", "n3"));
}

TEST(StatusDuty, of_a_replica_is_none) {
  EXPECT_FALSE(has_duty<duty::Status>(ViewBuilder().as_replica().decide()));
}

TEST(StatusDuty, carries_on_what_the_leader_before_retained) {
  ViewBuilder b = ViewBuilder().as_leader();
  b.cluster.status.retain_slots = {"away"};
  const Decision d = b.decide();
  EXPECT_THAT(duties<duty::Status>(d).at(0).status.retain_slots, ElementsAre("away", "n1", "n2", "n3"));
  EXPECT_TRUE(d.memory.slots.seeded);
}

TEST(StatusDuty, forgets_a_member_that_is_away_for_too_long) {
  ViewBuilder b = ViewBuilder().as_leader();
  b.view.memory.slots.seeded = true;
  b.view.memory.slots.seen = {{"away", b.view.now - 1801s}};
  const Decision d = b.decide();
  EXPECT_THAT(duties<duty::Status>(d).at(0).status.retain_slots, ElementsAre("n1", "n2", "n3"));
  EXPECT_TRUE(says(d, "Replication slot 'away' for absent cluster member is expired after 1800 sec."));
}

TEST(StatusDuty, without_retention_tells_the_position_only) {
  ViewBuilder b = ViewBuilder().as_leader();
  b.settings.dynamic.member_slots_ttl = 0s;
  const auto status = duties<duty::Status>(b.decide()).at(0).status;
  EXPECT_THAT(status.slots, IsEmpty());
  EXPECT_THAT(status.retain_slots, IsEmpty());
  // But for those that are permanent.
  b.settings.dynamic.permanent_slots = {{.name = "audit", .database = "app", .plugin = "pgoutput"}};
  b.view.postgres.facts.probe->slots.push_back(logical("audit", Lsn{2}));
  const auto permanent = duties<duty::Status>(b.decide()).at(0).status.slots;
  EXPECT_EQ(permanent, (std::map<std::string, Lsn>{{"audit", {2}}}));
}

TEST(StatusDuty, a_slot_that_is_not_what_is_wanted_has_no_position) {
  ViewBuilder b = ViewBuilder().as_leader();
  b.settings.dynamic.permanent_slots = {{.name = "audit", .database = "other", .plugin = "pgoutput"}};
  b.view.postgres.facts.probe->slots.push_back(logical("audit", Lsn{2}));
  EXPECT_FALSE(duties<duty::Status>(b.decide()).at(0).status.slots.contains("audit"));
}

TEST(StatusDuty, a_permanent_slot_is_not_one_of_a_member_that_may_come_back) {
  ViewBuilder b = ViewBuilder().as_leader();
  b.settings.dynamic.permanent_slots = {{.name = "n3"}};
  EXPECT_THAT(duties<duty::Status>(b.decide()).at(0).status.retain_slots, ElementsAre("n1", "n2"));
}

TEST(StatusDuty, the_stamps_are_dropped_with_the_lock) {
  ViewBuilder b = ViewBuilder().as_replica();
  b.view.memory.slots.seeded = true;
  b.view.memory.slots.seen = {{"n3", b.view.now}};
  const Decision d = b.decide();
  EXPECT_FALSE(d.memory.slots.seeded);
  EXPECT_THAT(d.memory.slots.seen, IsEmpty());
}

}  // namespace
}  // namespace tanist::ha
