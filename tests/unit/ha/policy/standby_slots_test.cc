#include "ha/policy/standby_slots.h"

#include <gtest/gtest.h>

#include "unit/ha/view_builder.h"

namespace tanist::ha {
namespace {

using namespace testing;

struct Standby {
  std::string name;
  bool active = true;
  std::string state = "streaming";
};

/// PostgreSQL 17 with these slots of members, and who streams.
void streamed_by(ViewBuilder& b, const std::vector<Standby>& standbys) {
  auto& probe = *b.view.postgres.facts.probe;
  probe.server_version = b.view.postgres.facts.major_version = 170002;
  probe.slots.clear();
  probe.wal_senders.clear();
  for (const auto& one : standbys) {
    probe.slots.push_back({.name = one.name, .active = one.active, .restart_lsn = kHere});
    if (one.active)
      probe.wal_senders.push_back({.pid = 70, .application_name = one.name, .state = one.state});
  }
}

ViewBuilder leading(std::optional<std::string> list, const std::vector<Standby>& standbys) {
  ViewBuilder b = ViewBuilder().as_leader();
  b.settings.dynamic.standby_slots = true;
  b.view.postgres.facts.own_standby_slots = std::move(list);
  streamed_by(b, standbys);
  return b;
}

/// The list that is asked for; `as it is`: none is.
std::string asked(const Decision& d) {
  const auto found = duties<duty::StandbySlots>(d);
  if (found.empty()) return "as it is";
  EXPECT_EQ(found.size(), 1u);
  return found[0].text.value_or("as configured");
}

TEST(StandbySlots, name_those_that_stream_and_may_be_promoted) {
  EXPECT_EQ(asked(leading(std::nullopt, {{"n2"}, {"n3"}}).decide()), "n2, n3");
  EXPECT_EQ(asked(leading("n2, n3", {{"n2"}, {"n3"}}).decide()), "as it is");
  EXPECT_EQ(asked(leading(std::nullopt, {{"n2"}, {"n3", false}}).decide()), "n2");
  EXPECT_EQ(asked(leading(std::nullopt, {{"n2"}, {"n3", true, "catchup"}}).decide()), "n2")
      << "consumers would wait for as long as it takes";
  EXPECT_EQ(asked(leading(std::nullopt, {{"n2"}, {"stranger"}}).decide()), "n2");
  EXPECT_EQ(asked(leading(std::nullopt, {}).decide()), "");
}

TEST(StandbySlots, leave_out_who_may_not_be_promoted_at_once) {
  for (const char* tag : {"nofailover", "nostream"}) {
    ViewBuilder b = leading("n2, n3", {{"n2"}, {"n3"}});
    b.cluster.members["n3"].tags = Document::map({{tag, true}});
    EXPECT_EQ(asked(b.decide()), "n2") << tag;
  }
  ViewBuilder b = leading("n2, n3", {{"n2"}, {"n3"}});
  b.cluster.members["n3"].tags = Document::map({{"replicatefrom", "n2"}});
  EXPECT_EQ(asked(b.decide()), "n2") << "it gets everything after the other";
}

TEST(StandbySlots, wait_for_one_that_streams_no_more_but_not_for_ever) {
  ViewBuilder b = leading("n2, n3", {{"n2"}, {"n3", false}});
  const Decision first = b.decide();
  EXPECT_EQ(asked(first), "as it is");
  ASSERT_TRUE(first.wake_at);
  EXPECT_LE(*first.wake_at, b.view.now + b.settings.dynamic.timing.loop_wait);
  b.view.memory = first.memory;
  b.view.now += b.settings.dynamic.timing.loop_wait - 1s;
  b.view.postgres.facts.probe->asked_at = b.view.now;
  b.lease_for(20s);
  EXPECT_EQ(asked(b.decide()), "as it is");
  b.view.now += 1s;
  b.view.postgres.facts.probe->asked_at = b.view.now;
  b.lease_for(20s);
  const Decision last = b.decide();
  EXPECT_EQ(asked(last), "n2");
  EXPECT_TRUE(
      says(last, "consumers of failover slots wait no more for n3: nobody has streamed through it for 10 s"));
  // It comes back within that time, and goes again: it counts anew.
  streamed_by(b, {{"n2"}, {"n3"}});
  const Decision back = b.decide();
  EXPECT_TRUE(back.memory.slots.unstreamed.empty());
}

TEST(StandbySlots, wait_for_one_whose_member_key_is_gone_as_long_as_for_others) {
  ViewBuilder b = leading("n2, n3", {{"n2"}, {"n3", false}}).without_member("n3");
  EXPECT_EQ(asked(b.decide()), "as it is");
  b = leading("n2, n3", {{"n2"}}).without_member("n3");
  EXPECT_EQ(asked(b.decide()), "n2") << "PostgreSQL would wait for a slot that is not there";
}

TEST(StandbySlots, are_there_before_a_standby_is_listed_as_synchronous) {
  ViewBuilder b = leading("", {{"n2"}}).linearizable();
  b.settings.dynamic.synchronous_mode = config::Dynamic::SyncMode::on;
  const Decision d = b.decide();
  std::vector<std::string_view> names;
  for (const auto& ordered : d.duties) names.push_back(name_of(ordered.duty));
  const auto list = std::ranges::find(names, duty::StandbySlots::kName);
  const auto sync = std::ranges::find(names, duty::Sync::kName);
  ASSERT_NE(list, names.end());
  EXPECT_LT(list, sync);
}

TEST(StandbySlots, are_nobodys_business_where_nobody_asked) {
  ViewBuilder b = leading(std::nullopt, {{"n2"}, {"n3"}});
  b.settings.dynamic.standby_slots = false;
  EXPECT_EQ(asked(b.decide()), "as it is");
  b.view.postgres.facts.own_standby_slots = "n2";
  EXPECT_EQ(asked(b.decide()), "as configured") << "it was asked for until now";
}

TEST(StandbySlots, need_postgresql_17) {
  ViewBuilder b = leading(std::nullopt, {{"n2"}});
  b.view.postgres.facts.probe->server_version = 160004;
  const Decision d = b.decide();
  EXPECT_EQ(asked(d), "as it is");
  EXPECT_TRUE(says(d, "tanist.synchronized_standby_slots has no effect: it needs PostgreSQL 17"));
}

TEST(StandbySlots, are_made_ready_on_a_standby_for_its_promotion) {
  ViewBuilder b = ViewBuilder().as_replica();
  b.settings.dynamic.standby_slots = true;
  streamed_by(b, {{"n2", false}, {"n3", false}});
  EXPECT_EQ(asked(b.decide()), "n3") << "n2 leads: it is gone then";
  b.view.postgres.facts.own_standby_slots = "n3";
  EXPECT_EQ(asked(b.decide()), "as it is");
}

TEST(StandbySlots, need_feedback_of_standbys) {
  ViewBuilder b = ViewBuilder().as_replica();
  b.settings.dynamic.standby_slots = true;
  streamed_by(b, {});
  const auto forced = duties<duty::ForceFeedback>(b.decide());
  ASSERT_EQ(forced.size(), 1u);
  EXPECT_TRUE(forced[0].on);
  b.view.postgres.facts.major_version = 160004;
  EXPECT_TRUE(duties<duty::ForceFeedback>(b.decide()).empty());
}

}  // namespace
}  // namespace tanist::ha
