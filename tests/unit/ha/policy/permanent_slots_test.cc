#include "ha/policy/permanent_slots.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ha/policy/slots.h"
#include "unit/ha/view_builder.h"

namespace tanist::ha {
namespace {

using namespace testing;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const config::PermanentSlot kDwh{.name = "dwh"};
const config::PermanentSlot kFeed{.name = "feed", .database = "app", .plugin = "pgoutput"};

/// Permanent ones alone.
std::vector<std::string> permanent(ViewBuilder b) {
  b.settings.dynamic.permanent_slots = {kDwh, kFeed};
  std::vector<std::string> found;
  for (const auto& slot : policy::desired_slots(b.build()).slots)
    if (slot.name == "dwh" || slot.name == "feed")
      found.push_back(slot.name + (slot.expected_active ? "" : " (inactive)"));
  return found;
}

TEST(PermanentSlots, are_on_the_primary_and_on_standbys) {
  EXPECT_THAT(permanent(ViewBuilder().as_leader()), ElementsAre("dwh", "feed (inactive)"));
  EXPECT_THAT(permanent(ViewBuilder().as_replica()), ElementsAre("dwh (inactive)", "feed (inactive)"));
}

TEST(PermanentSlots, are_nowhere_where_slots_are_off_or_nobody_may_lead) {
  ViewBuilder off = ViewBuilder().as_leader();
  off.settings.postgresql.use_slots = false;
  EXPECT_THAT(permanent(off), IsEmpty());
  ViewBuilder barred = ViewBuilder().as_replica();
  barred.settings.tags.nofailover = true;
  EXPECT_THAT(permanent(barred), IsEmpty());
}

TEST(PermanentSlots, logical_ones_need_somebody_who_streams) {
  ViewBuilder b = ViewBuilder().as_replica();
  b.settings.tags.nostream = true;
  EXPECT_THAT(permanent(b), ElementsAre("dwh (inactive)"));
  ViewBuilder below = ViewBuilder().as_replica();
  below.settings.tags.replicatefrom = "n3";
  EXPECT_THAT(permanent(below), ElementsAre("dwh (inactive)", "feed (inactive)"));
  below.cluster.members["n3"].tags.set("nostream", true);
  EXPECT_THAT(permanent(below), ElementsAre("dwh (inactive)"));
}

TEST(PermanentSlots, before_version_11_only_a_primary_has_them_and_only_physical_ones) {
  ViewBuilder b = ViewBuilder().as_leader();
  b.view.postgres.facts.major_version = 100000;
  EXPECT_THAT(permanent(b), ElementsAre("dwh"));
  b.settings.dynamic.permanent_slots = {kDwh, kFeed};
  EXPECT_TRUE(
      says(b.decide(),
           "Permanent logical replication slots supported by Patroni only starting from PostgreSQL 11. "
           "Following slots will not be created: ['feed']"));
  ViewBuilder replica = ViewBuilder().as_replica();
  replica.view.postgres.facts.major_version = 100000;
  EXPECT_THAT(permanent(replica), IsEmpty());
}

TEST(PermanentSlots, a_member_s_slot_comes_before_a_permanent_one_of_its_name) {
  ViewBuilder b = ViewBuilder().as_leader();
  b.settings.dynamic.permanent_slots = {{.name = "n2"}, {.name = "n1"}};
  EXPECT_EQ(policy::desired_slots(b.build()).slots.size(), 2u);
  b.settings.dynamic.permanent_slots = {{.name = "n3", .database = "app", .plugin = "pgoutput"}};
  EXPECT_TRUE(
      says(b.decide(),
           "Permanent logical replication slot {'n3': {'type': 'logical', 'database': 'app', 'plugin': "
           "'pgoutput'}} is conflicting with physical replication slot for cluster member"));
}

TEST(PermanentSlots, positions_come_from_the_status_and_from_who_cascades_through_them) {
  ViewBuilder b = ViewBuilder().as_replica();
  b.settings.dynamic.permanent_slots = {kDwh, kFeed};
  b.cluster.status.slots = {{"dwh", {5}}, {"feed", {6}}};
  for (const auto& slot : policy::desired_slots(b.build()).slots) {
    if (slot.name == "dwh") EXPECT_EQ(slot.advance_to, Lsn{5});
    if (slot.name == "feed") EXPECT_EQ(slot.advance_to, Lsn{6});
  }
}

TEST(PermanentSlots, the_slot_on_the_primary_is_that_of_whom_one_streams_from_in_the_end) {
  ViewBuilder b = ViewBuilder().as_replica();
  b.leader("n3");
  b.cluster.members["n2"].tags.set("replicatefrom", "n1");
  EXPECT_EQ(policy::slot_on_primary(b.build(), "n1"), "n1");
  EXPECT_EQ(policy::slot_on_primary(b.build(), "n2"), "n1");
  b.settings.tags.replicatefrom = "gone";
  EXPECT_EQ(policy::slot_on_primary(b.build(), "n2"), "n1");
  b.settings.tags.replicatefrom = "n2";
  EXPECT_EQ(policy::slot_on_primary(b.build(), "n1"), "") << "in a circle";
  b.settings.tags.replicatefrom.clear();
  b.settings.tags.nostream = true;
  EXPECT_EQ(policy::slot_on_primary(b.build(), "n2"), "");
}

TEST(Feedback, is_needed_where_logical_slots_are) {
  ViewBuilder b = ViewBuilder().as_replica();
  EXPECT_FALSE(policy::needs_feedback(b.build()));
  b.settings.dynamic.permanent_slots = {kDwh};
  EXPECT_FALSE(policy::needs_feedback(b.build()));
  b.settings.dynamic.permanent_slots = {kFeed};
  EXPECT_TRUE(policy::needs_feedback(b.build()));
  b.settings.postgresql.use_slots = false;
  EXPECT_FALSE(policy::needs_feedback(b.build()));
  b.settings.postgresql.use_slots = true;
  b.view.postgres.facts.major_version = 100000;
  EXPECT_FALSE(policy::needs_feedback(b.build()));
}

TEST(Feedback, is_passed_on_for_who_streams_from_here) {
  ViewBuilder b = ViewBuilder().as_replica();
  b.settings.dynamic.permanent_slots = {kFeed};
  b.settings.tags.nofailover = true;
  EXPECT_FALSE(policy::needs_feedback(b.build())) << "it has none itself";
  b.cluster.members["n3"].tags = Document::map({{"replicatefrom", "n1"}});
  EXPECT_TRUE(policy::needs_feedback(b.build()));
  b.member("n4");
  b.cluster.members["n3"].tags.set("nofailover", true);
  EXPECT_FALSE(policy::needs_feedback(b.build()));
  b.cluster.members["n4"].tags = Document::map({{"replicatefrom", "n3"}});
  EXPECT_TRUE(policy::needs_feedback(b.build()));
  b.cluster.members["n3"].tags.set("nostream", true);
  EXPECT_FALSE(policy::needs_feedback(b.build()));
}

}  // namespace
}  // namespace tanist::ha
