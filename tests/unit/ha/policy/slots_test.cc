#include "ha/policy/slots.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/ha/view_builder.h"

namespace tanist::ha {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const config::PermanentSlot kFeed{.name = "feed", .database = "app", .plugin = "pgoutput"};

postgres::SlotSeen feed(Lsn confirmed = kHere) {
  return {.name = "feed",
          .logical = true,
          .restart_lsn = confirmed,
          .confirmed_flush_lsn = confirmed,
          .database = "app",
          .plugin = "pgoutput",
          .catalog_xmin = 700};
}

std::vector<postgres::SlotSeen>& slots(ViewBuilder& b) {
  return b.view.postgres.facts.probe->slots;
}

/// A standby that lacks the slot of the configuration, which the leader has published.
ViewBuilder lacking_feed() {
  ViewBuilder b = ViewBuilder().as_replica();
  b.settings.dynamic.permanent_slots = {kFeed};
  b.cluster.status.slots = {{"feed", kHere}};
  b.view.postgres.facts.feedback_forced = true;
  return b;
}

TEST(SlotDuty, is_there_only_when_something_differs) {
  ViewBuilder b = ViewBuilder().as_leader();
  EXPECT_FALSE(has_duty<duty::Slots>(b.decide()));
  slots(b).pop_back();
  EXPECT_TRUE(has_duty<duty::Slots>(b.decide()));
}

TEST(SlotDuty, drops_what_nobody_wants) {
  for (const bool logical : {false, true}) {
    ViewBuilder b = ViewBuilder().as_leader();
    slots(b).push_back({.name = "old", .logical = logical});
    ASSERT_TRUE(has_duty<duty::Slots>(b.decide())) << logical;
    EXPECT_TRUE(duties<duty::Slots>(b.decide())[0].wanted.drop_unknown);
  }
}

TEST(SlotDuty, leaves_alone_what_is_ignored) {
  ViewBuilder b = ViewBuilder().as_leader();
  slots(b).push_back({.name = "audit", .logical = true});
  b.settings.dynamic.ignored_slots = {{.name = "audit"}};
  EXPECT_FALSE(has_duty<duty::Slots>(b.decide()));
}

TEST(SlotDuty, drops_nothing_unknown_in_pause) {
  ViewBuilder b = ViewBuilder().as_leader();
  b.settings.dynamic.pause = true;
  slots(b).push_back({.name = "old"});
  EXPECT_FALSE(has_duty<duty::Slots>(b.decide()));
}

TEST(SlotDuty, advances_what_is_kept_for_later_as_far_as_the_replay) {
  ViewBuilder b = ViewBuilder().as_replica();
  b.cluster.status.slots = {{"n3", Lsn{kHere.value + 1}}};
  EXPECT_FALSE(has_duty<duty::Slots>(b.decide())) << "it is not there yet";
  b.view.postgres.facts.probe->replay = Lsn{kHere.value + 1};
  EXPECT_TRUE(has_duty<duty::Slots>(b.decide()));
}

TEST(SlotDuty, waits_for_a_configuration) {
  ViewBuilder b = ViewBuilder().as_replica();
  b.cluster.config = {};
  slots(b).clear();
  EXPECT_FALSE(has_duty<duty::Slots>(b.decide()));
}

TEST(SlotDuty, of_a_standby_asks_the_leader_whether_its_slots_are_ready) {
  ViewBuilder b = lacking_feed();
  slots(b).push_back(feed());
  EXPECT_FALSE(has_duty<duty::Slots>(b.decide()));
  b.view.postgres.facts.unready_slots = {"feed"};
  const auto duty = duties<duty::Slots>(b.decide());
  ASSERT_EQ(duty.size(), 1u);
  ASSERT_TRUE(duty[0].wanted.leader);
  EXPECT_EQ(duty[0].wanted.leader->member, "n2");
  EXPECT_EQ(duty[0].wanted.own_slot, "n1");
}

TEST(SlotDuty, failover_slots_of_a_former_primary_go_where_the_server_copies_them_itself) {
  ViewBuilder b = ViewBuilder().as_replica();
  auto own = feed();
  own.failover = true;
  slots(b).push_back(own);
  EXPECT_FALSE(has_duty<duty::Slots>(b.decide())) << "this may be all that is left of it";
  b.settings.postgresql.parameters["sync_replication_slots"] = "on";
  EXPECT_TRUE(has_duty<duty::Slots>(b.decide()));
  ViewBuilder leader = ViewBuilder().as_leader();
  leader.settings.postgresql.parameters["sync_replication_slots"] = "on";
  slots(leader).push_back(own);
  EXPECT_FALSE(has_duty<duty::Slots>(leader.decide()));
}

TEST(SlotDuty, xmin_is_cleaned_only_once_somebody_leads) {
  ViewBuilder b = ViewBuilder().as_replica();
  slots(b)[1].xmin = 700;
  EXPECT_TRUE(has_duty<duty::Slots>(b.decide()));
  b.unlocked();
  EXPECT_FALSE(has_duty<duty::Slots>(b.decide()));
}

TEST(SlotDuty, a_retained_slot_does_not_hold_back_vacuum_and_gets_on) {
  ViewBuilder b = ViewBuilder().as_leader();
  b.cluster.status.retain_slots = {"away"};
  slots(b).push_back({.name = "away", .restart_lsn = kHere});
  EXPECT_FALSE(has_duty<duty::Slots>(b.decide()));
  slots(b).back().xmin = 700;
  EXPECT_TRUE(has_duty<duty::Slots>(b.decide()));
  slots(b).back() = {.name = "away", .restart_lsn = Lsn{1}};
  b.cluster.status.slots["away"] = kHere;
  EXPECT_TRUE(has_duty<duty::Slots>(b.decide()));
}

TEST(FeedbackDuty, is_there_while_it_is_not_as_it_should_be) {
  ViewBuilder b = lacking_feed();
  EXPECT_FALSE(has_duty<duty::ForceFeedback>(b.decide()));
  b.view.postgres.facts.feedback_forced = false;
  ASSERT_TRUE(has_duty<duty::ForceFeedback>(b.decide()));
  EXPECT_TRUE(duties<duty::ForceFeedback>(b.decide())[0].on);
  b.settings.dynamic.permanent_slots.clear();
  EXPECT_FALSE(has_duty<duty::ForceFeedback>(b.decide()));
  b.view.postgres.facts.feedback_forced = true;
  EXPECT_FALSE(duties<duty::ForceFeedback>(b.decide()).at(0).on);
}

TEST(CopySlots, a_standby_copies_what_it_lacks) {
  const Decision d = lacking_feed().decide();
  ASSERT_TRUE(intends<intent::CopySlots>(d));
  EXPECT_EQ(d.reason.text(), "Copying logical slots ['feed'] from the primary");
  const auto& copy = std::get<intent::CopySlots>(d.intent);
  EXPECT_EQ(copy.leader.member, "n2");
  ASSERT_TRUE(copy.upstream);
  EXPECT_EQ(copy.upstream->member, "n2");
  EXPECT_EQ(d.memory.slots.copied.at("feed").count, 1);
}

TEST(CopySlots, nothing_is_restarted_for_it_where_that_could_do_harm) {
  const auto copies = [](const std::function<void(ViewBuilder&)>& change) {
    ViewBuilder b = lacking_feed();
    change(b);
    return intends<intent::CopySlots>(b.decide());
  };
  EXPECT_TRUE(copies([](auto&) {}));
  EXPECT_FALSE(copies([](auto& b) { b.settings.dynamic.pause = true; }));
  EXPECT_FALSE(copies([](auto& b) { b.unlocked(); }));
  EXPECT_FALSE(copies([](auto& b) { b.cluster.status.slots.clear(); })) << "the leader has none yet";
  EXPECT_FALSE(copies([](auto& b) { b.view.postgres.facts.probe->receiver_state.clear(); }));
  EXPECT_FALSE(copies([](auto& b) {
    b.cluster.failover = {.version = dcs::Version("8"), .leader = "n2", .candidate = "n1"};
  }));
  EXPECT_FALSE(copies([](auto& b) { b.operation(OperationKind::restart); }));
  EXPECT_FALSE(copies([](auto& b) { b.settings.tags.nofailover = true; }));
  EXPECT_FALSE(copies([](auto& b) { b.settings.tags.nostream = true; }));
  EXPECT_FALSE(copies([](auto& b) { slots(b).push_back(feed()); })) << "it is there";
}

TEST(CopySlots, a_switchover_of_next_week_does_not_keep_from_it) {
  ViewBuilder b = lacking_feed();
  b.cluster.failover = {.version = dcs::Version("8"),
                        .leader = "n2",
                        .candidate = "n1",
                        .scheduled_at = b.view.wall_now + std::chrono::hours(24 * 7)};
  EXPECT_TRUE(intends<intent::CopySlots>(b.decide()));
}

TEST(CopySlots, one_that_cannot_get_on_is_copied_anew_and_each_time_later) {
  ViewBuilder b = lacking_feed();
  slots(b).push_back(feed());
  b.view.postgres.facts.broken_slots = {"feed"};
  b.view.postgres.facts.unready_slots = {"feed"};
  b.view.memory.slots.copied["feed"] = {.last = b.view.now - 50s, .count = 1};
  EXPECT_FALSE(intends<intent::CopySlots>(b.decide()));
  b.view.memory.slots.copied["feed"] = {.last = b.view.now - 70s, .count = 1};
  const Decision d = b.decide();
  EXPECT_TRUE(intends<intent::CopySlots>(d));
  EXPECT_EQ(d.memory.slots.copied.at("feed").count, 2);
  b.view.memory.slots.copied["feed"] = {.last = b.view.now - 70s, .count = 2};
  EXPECT_FALSE(intends<intent::CopySlots>(b.decide()));
  // One that can be relied on was not copied in vain.
  b.view.postgres.facts.broken_slots.clear();
  b.view.postgres.facts.unready_slots.clear();
  EXPECT_THAT(b.decide().memory.slots.copied, IsEmpty());
}

TEST(CopySlots, a_failover_does_not_wait_for_it) {
  ViewBuilder b = ViewBuilder().as_candidate();
  b.operation(OperationKind::copy_slots, Phase::checkpointing);
  EXPECT_TRUE(intends<intent::PreEmpt>(b.decide()));
  b.operation(OperationKind::copy_slots, Phase::writing_slots, Cancel::no);
  EXPECT_FALSE(intends<intent::PreEmpt>(b.decide()));
}

}  // namespace
}  // namespace tanist::ha
