#include "ha/policy/failsafe.h"

#include <gtest/gtest.h>

#include "ha/policy/decide.h"
#include "unit/ha/view_builder.h"

namespace tanist::ha {
namespace {

using namespace std::chrono_literals;

using namespace testing;

ViewBuilder in_failsafe() {
  ViewBuilder b = ViewBuilder().as_leader();
  b.settings.dynamic.failsafe_mode = true;
  auto& listed = b.cluster.failsafe.emplace();
  for (const auto& [name, member] : b.cluster.members) listed[name] = member.api_url;
  listed["n1"] = b.settings.api_url();
  b.cluster.failsafe_version = dcs::Version("7");
  return b;
}

TEST(FailsafePolicy, a_leader_says_whom_to_ask) {
  const ViewBuilder b = in_failsafe();
  const auto terms = b.decide().mandate.failsafe;
  ASSERT_TRUE(terms);
  EXPECT_EQ(terms->members, (std::map<std::string, std::string>{{"n2", "http://n2.example:8008/patroni"},
                                                                {"n3", "http://n3.example:8008/patroni"}}));
  EXPECT_EQ(terms->question.leader, "n1");
  EXPECT_EQ(terms->question.valid_for, 30s);
  EXPECT_FALSE(terms->question.conn_url.empty());
  EXPECT_FALSE(terms->question.api_url.empty());
  EXPECT_EQ(terms->question.slots.at("n1"), kHere);
}

TEST(FailsafePolicy, nobody_is_asked_where_that_would_prove_nothing) {
  const auto asks = [](auto change) {
    ViewBuilder b = in_failsafe();
    change(b);
    return b.decide().mandate.failsafe.has_value();
  };
  EXPECT_TRUE(asks([](ViewBuilder&) {}));
  EXPECT_TRUE(asks([](ViewBuilder& b) { b.store_down(); }));
  EXPECT_FALSE(asks([](ViewBuilder& b) { b.settings.dynamic.failsafe_mode = false; }));
  EXPECT_FALSE(asks([](ViewBuilder& b) { b.settings.dynamic.pause = true; }));
  EXPECT_FALSE(asks([](ViewBuilder& b) { b.cluster.failsafe.reset(); }));
  EXPECT_FALSE(asks([](ViewBuilder& b) { b.cluster.failsafe_broken = true; }));
  EXPECT_FALSE(asks([](ViewBuilder& b) { b.cluster.failsafe->erase("n1"); }));
  EXPECT_FALSE(asks([](ViewBuilder& b) { b.no_lease(); }));
  EXPECT_FALSE(asks([](ViewBuilder& b) { b.leader("n2"); }));
}

TEST(FailsafePolicy, who_is_alone_asks_nobody_and_may_go_on) {
  ViewBuilder b = in_failsafe();
  for (const char* other : {"n2", "n3"}) {
    b.without_member(other);
    b.cluster.failsafe->erase(other);
  }
  const auto terms = b.decide().mandate.failsafe;
  ASSERT_TRUE(terms);
  EXPECT_TRUE(terms->members.empty());
}

TEST(FailsafePolicy, the_leader_lists_all_who_could_lead) {
  ViewBuilder b = in_failsafe();
  EXPECT_FALSE(has_duty<duty::Failsafe>(b.decide())) << "as it is";
  b.member("n4");
  const auto written = duties<duty::Failsafe>(b.decide());
  ASSERT_EQ(written.size(), 1u);
  EXPECT_EQ(written[0].version, dcs::Version("7"));
  EXPECT_EQ(written[0].members.size(), 4u);
  b.settings.dynamic.failsafe_mode = false;
  EXPECT_FALSE(has_duty<duty::Failsafe>(b.decide()));
}

/// The write may have arrived although its answer has not: who was added may race by it.
TEST(FailsafePolicy, who_may_have_been_listed_is_asked_as_well) {
  ViewBuilder b = in_failsafe();
  b.member("n4");
  const Decision wrote = b.decide();
  ViewBuilder after = in_failsafe();
  after.view.memory = wrote.memory;
  after.store_down();
  EXPECT_TRUE(after.decide().mandate.failsafe->members.contains("n4"));
  // A later version of the key says what came of it.
  after.cluster.failsafe_version = dcs::Version("8");
  EXPECT_FALSE(after.decide().mandate.failsafe->members.contains("n4"));
}

TEST(FailsafePolicy, by_promise_a_primary_goes_on_without_the_store) {
  ViewBuilder b = in_failsafe().store_down().lease_for(20s);
  b.view.lease.promised = true;
  const Decision d = b.decide();
  EXPECT_TRUE(intends<intent::None>(d));
  EXPECT_EQ(d.reason.text(),
            "continue to run as a leader because failsafe mode is enabled and all members are accessible");
  EXPECT_TRUE(d.mandate.failsafe);
}

TEST(FailsafePolicy, by_promise_the_free_key_is_taken_back_and_the_members_are_asked_meanwhile) {
  ViewBuilder b = in_failsafe().unlocked().lease_for(20s).linearizable();
  b.view.lease.promised = true;
  const Decision d = b.decide();
  EXPECT_TRUE(intends<intent::Acquire>(d)) << d.reason.text();
  EXPECT_TRUE(d.mandate.failsafe);
}

TEST(FailsafePolicy, a_crash_under_a_promise_is_mended_in_place) {
  ViewBuilder b = in_failsafe().store_down().lease_for(20s);
  b.view.lease.promised = true;
  b.down();
  const Decision d = b.decide();
  ASSERT_TRUE(intends<intent::Start>(d)) << d.reason.text();
  EXPECT_FALSE(std::get<intent::Start>(d.intent).as_standby);
  // Without one it waits for the store.
  b.view.lease.promised = false;
  EXPECT_FALSE(intends<intent::Start>(b.decide()));
}

/// Nobody leads any more, and nobody has more than this member.
ViewBuilder racer() {
  ViewBuilder b;
  b.as_candidate().peer_unreachable("n2").peer("n3", kHere);
  return b;
}

TEST(FailsafePolicy, who_is_missing_in_the_failsafe_map_does_not_race) {
  ViewBuilder b = racer();
  b.settings.dynamic.failsafe_mode = true;
  b.cluster.failsafe = {{"n2", "http://n2"}, {"n3", "http://n3"}};
  EXPECT_TRUE(intends<intent::None>(b.decide()));
  (*b.cluster.failsafe)["n1"] = "http://n1";
  EXPECT_TRUE(intends<intent::Acquire>(b.decide()));
}

/// All of them would have to have promised for the last leader to go on.
TEST(FailsafePolicy, who_is_missing_in_the_failsafe_map_races_once_one_that_is_listed_has_promised_nothing) {
  ViewBuilder b = racer();
  b.settings.dynamic.failsafe_mode = true;
  b.cluster.failsafe = {{"n2", "http://n2"}, {"n3", "http://n3"}};
  auto& n3 = b.view.answers.peers->at("n3");
  n3.in_failsafe = true;
  EXPECT_TRUE(intends<intent::None>(b.decide()));
  n3.in_failsafe = false;
  EXPECT_TRUE(intends<intent::Acquire>(b.decide()));
  b.cluster.failsafe = {{"n2", "http://n2"}, {"n4", "http://n4"}};
  b.view.answers.peers->try_emplace("n4");
  EXPECT_TRUE(intends<intent::None>(b.decide())) << "it is not listed";
  b.view.answers.peers.reset();
  EXPECT_TRUE(b.decide().needs.peers);
}

TEST(FailsafePolicy, a_failsafe_map_that_names_nobody_bars_nobody) {
  ViewBuilder b = racer();
  b.settings.dynamic.failsafe_mode = true;
  b.cluster.failsafe.emplace();
  EXPECT_TRUE(intends<intent::Acquire>(b.decide()));
}

}  // namespace
}  // namespace tanist::ha
