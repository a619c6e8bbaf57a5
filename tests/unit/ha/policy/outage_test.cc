#include <gtest/gtest.h>

#include "ha/policy/decide.h"
#include "unit/ha/view_builder.h"

namespace tanist::ha {
namespace {

using namespace testing;

TEST(Outage, before_the_lease_nears_its_end_a_primary_goes_on) {
  ViewBuilder b = ViewBuilder().as_leader().lease_for(20s).store_down();
  const Decision d = b.decide();
  EXPECT_TRUE(intends<intent::None>(d));
  EXPECT_EQ(d.reason.text(), "");
  EXPECT_EQ(d.mandate.kind, Mandate::Kind::keep);
  EXPECT_EQ(d.wake_at, b.view.now + 20s - 200ms - 5s);
}

TEST(Outage, at_the_stop_instant_a_primary_is_stopped_fast) {
  const Decision d = ViewBuilder().as_leader().lease_for(5200ms).store_down().decide();
  ASSERT_TRUE(intends<intent::Demote>(d));
  EXPECT_EQ(std::get<intent::Demote>(d.intent).mode, DemoteMode::offline);
  EXPECT_EQ(d.reason.text(), "demoting self because DCS is not accessible and I was a leader");
}

TEST(Outage, a_primary_without_a_lease_is_stopped) {
  EXPECT_TRUE(intends<intent::Demote>(ViewBuilder().as_leader().no_lease().store_down().decide()));
}

TEST(Outage, the_end_of_the_demotion_is_told) {
  ViewBuilder b = ViewBuilder().as_leader().no_lease().store_down().down("shut down");
  b.ended(OperationKind::demote, true);
  b.view.postgres.role = postgres::Role::demoted;
  b.view.postgres.state = postgres::State::stopped;
  const Decision d = b.decide();
  EXPECT_EQ(d.reason.text(), "demoted self because DCS is not accessible and I was a leader");
  ASSERT_TRUE(intends<intent::Start>(d));
  EXPECT_TRUE(std::get<intent::Start>(d.intent).as_standby);
  EXPECT_EQ(std::get<intent::Start>(d.intent).upstream, std::nullopt);
}

TEST(Outage, a_demoted_server_that_does_not_start_is_not_hammered) {
  ViewBuilder b = ViewBuilder().as_leader().no_lease().store_down().down("shut down");
  b.view.postgres.role = postgres::Role::demoted;
  b.ended(OperationKind::start, false, "died");
  EXPECT_TRUE(intends<intent::None>(b.decide()));
}

TEST(Outage, a_standby_never_races) {
  const Decision d = ViewBuilder().as_candidate().store_down().peer("n3", kHere).decide();
  EXPECT_TRUE(intends<intent::None>(d));
  EXPECT_EQ(d.reason.text(), "DCS is not accessible");
  EXPECT_FALSE(d.needs.any());
  EXPECT_FALSE(has_duty<duty::Member>(d));
}

TEST(Outage, a_dead_server_is_not_started_as_primary) {
  const Decision d = ViewBuilder().as_leader().down().store_down().decide();
  EXPECT_TRUE(intends<intent::None>(d));
  EXPECT_EQ(d.reason.text(), "DCS is not accessible");
}

TEST(Outage, an_empty_member_waits) {
  EXPECT_TRUE(intends<intent::None>(ViewBuilder().without_data().store_down().decide()));
}

TEST(Outage, without_any_view_ever_nothing_is_done) {
  View view = ViewBuilder().as_replica().store_down().build();
  view.store.cluster = nullptr;
  view.store.last_with_leader = nullptr;
  EXPECT_TRUE(intends<intent::None>(decide(view)));
}

TEST(Outage, in_pause_a_primary_goes_on) {
  ViewBuilder b = ViewBuilder().as_leader().no_lease().store_down();
  b.settings.dynamic.pause = true;
  EXPECT_TRUE(intends<intent::None>(b.decide()));
}

TEST(Outage, a_primary_in_synchronous_mode_is_stopped_all_the_same) {
  ViewBuilder b = ViewBuilder().as_leader().no_lease().store_down();
  b.settings.dynamic.synchronous_mode = config::Dynamic::SyncMode::on;
  EXPECT_TRUE(intends<intent::Demote>(b.decide()));
}

TEST(Outage, after_the_end_of_its_lease_a_member_asks_for_a_lease_no_more) {
  EXPECT_EQ(ViewBuilder().as_leader().lease_for(1s).store_down().decide().mandate.kind, Mandate::Kind::keep);
  EXPECT_EQ(ViewBuilder().as_leader().no_lease().store_down().decide().mandate.kind, Mandate::Kind::lapse);
}

TEST(Outage, a_server_stopped_at_its_leases_end_serves_reads) {
  ViewBuilder b = ViewBuilder().as_leader().no_lease().store_down().down("shut down");
  const Decision d = b.decide();
  ASSERT_TRUE(intends<intent::Start>(d));
  EXPECT_TRUE(std::get<intent::Start>(d.intent).as_standby);
  EXPECT_EQ(duties<duty::SetRole>(d).at(0).role, postgres::Role::demoted);
}

TEST(Outage, its_age_is_in_the_reason) {
  const Decision d = ViewBuilder().as_replica().store_down(7s).decide();
  EXPECT_DOUBLE_EQ(d.reason.numbers.find("unavailable_seconds")->as_double(), 7.0);
}

/// Demoted for the outage, and down: it would be started to serve reads.
ViewBuilder demoted_and_down() {
  ViewBuilder b = ViewBuilder().as_leader().no_lease().store_down().down("shut down");
  b.ended(OperationKind::demote, true);
  b.view.memory.results_seen = b.view.last_operation->serial;
  b.view.postgres.role = postgres::Role::demoted;
  b.view.postgres.state = postgres::State::stopped;
  return b;
}

TEST(Outage, only_what_is_whole_and_known_is_started_to_serve_reads) {
  ASSERT_TRUE(intends<intent::Start>(demoted_and_down().decide()));
  ViewBuilder half = demoted_and_down();
  half.view.postgres.facts.half_rewound = true;
  EXPECT_TRUE(intends<intent::None>(half.decide()));
  ViewBuilder tried = demoted_and_down();
  tried.view.memory.outage.recovering = true;
  EXPECT_TRUE(intends<intent::None>(tried.decide()));
  ViewBuilder unknown = demoted_and_down();
  unknown.view.postgres.seen_running = false;
  EXPECT_TRUE(intends<intent::None>(unknown.decide()));
}

}  // namespace
}  // namespace tanist::ha
