#include <gtest/gtest.h>

#include "unit/ha/view_builder.h"

namespace tanist::ha {
namespace {

using namespace testing;

/// /initialize is there and empty, written by a Tanist whose note is gone.
ViewBuilder abandoned() {
  ViewBuilder b;
  b.before_bootstrap().linearizable();
  b.cluster.initialize = {.version = dcs::Version("31"), .present = true, .by_tanist = true};
  return b;
}

TEST(Founding, an_empty_cluster_is_bootstrapped_on_a_fresh_view_only) {
  ViewBuilder b = ViewBuilder().before_bootstrap();
  EXPECT_TRUE(b.decide().needs.linearizable_view);
  EXPECT_FALSE(intends<intent::Bootstrap>(b.decide()));
  const Decision d = b.linearizable().decide();
  ASSERT_TRUE(intends<intent::Bootstrap>(d));
  EXPECT_EQ(std::get<intent::Bootstrap>(d.intent).take_over, std::nullopt);
  EXPECT_EQ(d.reason.text(), "trying to bootstrap a new cluster");
  EXPECT_TRUE(d.memory.making.bootstrapping);
}

TEST(Founding, who_may_not_be_promoted_does_not_found) {
  ViewBuilder b = ViewBuilder().before_bootstrap().linearizable();
  b.settings.tags.nofailover = true;
  EXPECT_EQ(b.decide().reason.text(), "waiting for leader to bootstrap");
}

TEST(Founding, without_a_bootstrap_section_nobody_founds) {
  ViewBuilder b = ViewBuilder().before_bootstrap().linearizable();
  b.settings.bootstrap.present = false;
  EXPECT_EQ(b.decide().reason.text(), "waiting for leader to bootstrap");
}

/// What is said beside the result when the same is waited for again and again, for `seconds`.
std::string said_within(ViewBuilder& b, int seconds) {
  std::string out;
  for (int i = 0; i <= seconds; ++i) {
    const Decision d = b.decide();
    EXPECT_EQ(d.reason.text(), "waiting for leader to bootstrap");
    for (const auto& line : duties<duty::Say>(d)) out += line.text + "\n";
    b.view.memory = d.memory;
    b.view.now += 1s;
  }
  return out;
}

TEST(Founding, who_is_waited_for_in_vain_is_told_once_a_minute) {
  ViewBuilder b = ViewBuilder().before_bootstrap().linearizable();
  b.settings.bootstrap.present = false;
  EXPECT_EQ(said_within(b, 59), "") << "as long as that somebody may be at work";
  EXPECT_EQ(
      said_within(b, 59),
      "nobody leads, there is no data, and this member may not make a new cluster: its configuration has "
      "no bootstrap section\n"
      "HINT: start a member that may: one with a bootstrap section in its configuration and without the tag "
      "nofailover\n");
}

TEST(Founding, a_key_that_outlived_the_data_is_named) {
  ViewBuilder b = ViewBuilder().before_bootstrap().linearizable();
  b.cluster.initialize = {.version = dcs::Version("31"), .present = true, .value = "7000000000000000001"};
  const std::string wanted = b.settings.base_path() + "/initialize names a cluster (7000000000000000001)";
  EXPECT_NE(said_within(b, 70).find(wanted), std::string::npos);
}

TEST(Founding, a_bootstrap_of_somebody_else_that_does_not_end_is_named) {
  ViewBuilder b = abandoned();
  b.cluster.bootstrap_note = {
      .name = "n2", .incarnation = "other", .claim = "s2", .version = dcs::Version("30")};
  EXPECT_NE(said_within(b, 70).find("/initialize stands empty, n2 has begun to make a new cluster"),
            std::string::npos);
}

TEST(Founding, a_bootstrap_of_somebody_else_is_waited_for) {
  ViewBuilder b = abandoned();
  b.cluster.bootstrap_note = {
      .name = "n2", .incarnation = "other", .claim = "s2", .version = dcs::Version("30")};
  const Decision d = b.decide();
  EXPECT_TRUE(intends<intent::None>(d));
  EXPECT_EQ(d.reason.text(), "waiting for leader to bootstrap");
  EXPECT_EQ(*d.wake_at, b.view.now + 1s);
}

TEST(Founding, an_abandoned_bootstrap_is_taken_over) {
  const Decision d = abandoned().decide();
  ASSERT_TRUE(intends<intent::Bootstrap>(d));
  EXPECT_EQ(std::get<intent::Bootstrap>(d.intent).take_over, dcs::Version("31"));
}

TEST(Founding, my_own_unfinished_bootstrap_begins_anew) {
  ViewBuilder b = abandoned();
  b.cluster.bootstrap_note = {
      .name = "n1", .incarnation = "before", .claim = "s1", .version = dcs::Version("30")};
  EXPECT_TRUE(intends<intent::Bootstrap>(b.decide()));
}

TEST(Founding, an_empty_initialize_of_another_daemon_is_never_taken_over) {
  ViewBuilder b = abandoned();
  b.cluster.initialize.by_tanist = false;
  EXPECT_TRUE(intends<intent::None>(b.decide()));
}

TEST(Founding, nothing_is_taken_over_where_somebody_ever_led) {
  ViewBuilder b = abandoned();
  b.cluster.history.version = dcs::Version("40");
  EXPECT_TRUE(intends<intent::None>(b.decide()));
  b.cluster.history.version = {};
  b.cluster.config.version = dcs::Version("41");
  EXPECT_TRUE(intends<intent::None>(b.decide()));
}

TEST(Founding, a_store_that_was_wiped_under_a_leader_is_not_a_new_cluster) {
  ViewBuilder b = ViewBuilder().before_bootstrap().linearizable();
  b.last.leader = dcs::Leader{.name = "n2", .claim = "s2", .version = dcs::Version("5")};
  const Decision d = b.decide();
  EXPECT_TRUE(intends<intent::None>(d));
  EXPECT_EQ(d.reason.text(), "waiting for leader to bootstrap");
}

TEST(Founding, the_finished_bootstrap_is_stored) {
  ViewBuilder b = ViewBuilder().as_leader().unlocked().no_lease().ended(OperationKind::bootstrap, true);
  b.view.memory.making.bootstrapping = true;
  EXPECT_TRUE(intends<intent::FinishBootstrap>(b.decide()));
}

TEST(Founding, a_server_that_dies_before_it_is_stored_cancels_the_bootstrap) {
  ViewBuilder b =
      ViewBuilder().as_leader().unlocked().no_lease().down().ended(OperationKind::bootstrap, true);
  b.view.memory.making.bootstrapping = true;
  EXPECT_TRUE(intends<intent::CancelBootstrap>(b.decide()));
}

TEST(Founding, a_failed_bootstrap_is_cancelled_and_ends_the_daemon) {
  ViewBuilder b = ViewBuilder().before_bootstrap().ended(OperationKind::bootstrap, false, "initdb failed");
  b.view.memory.making.bootstrapping = true;
  const Decision d = b.decide();
  EXPECT_TRUE(intends<intent::CancelBootstrap>(d));
  b.view.memory = d.memory;
  b.ended(OperationKind::cancel_bootstrap, true);
  const Decision end = b.decide();
  ASSERT_TRUE(intends<intent::Exit>(end));
  EXPECT_EQ(std::get<intent::Exit>(end.intent).code, 1);
  EXPECT_EQ(std::get<intent::Exit>(end.intent).why, "Failed to bootstrap cluster");
}

TEST(Founding, a_result_that_was_refused_cancels_the_bootstrap_on_a_fresh_view) {
  ViewBuilder b =
      ViewBuilder().as_leader().unlocked().no_lease().ended(OperationKind::finish_bootstrap, false);
  b.view.memory.making.bootstrapping = true;
  b.cluster.initialize.value.clear();
  EXPECT_TRUE(b.decide().needs.linearizable_view);
  EXPECT_TRUE(intends<intent::CancelBootstrap>(b.linearizable().decide()));
  EXPECT_FALSE(has_duty<duty::ForgetBootstrap>(b.decide()));
  EXPECT_FALSE(intends<intent::CancelBootstrap>(b.store_down().decide()));
}

TEST(Founding, a_result_that_was_stored_after_all_is_never_cancelled) {
  ViewBuilder b =
      ViewBuilder().as_leader().leader("n2").no_lease().ended(OperationKind::finish_bootstrap, false);
  b.view.memory.making.bootstrapping = true;
  const Decision d = b.linearizable().decide();
  EXPECT_FALSE(intends<intent::CancelBootstrap>(d));
  EXPECT_FALSE(d.memory.making.bootstrapping);
  EXPECT_TRUE(has_duty<duty::ForgetBootstrap>(d)) << "or a restart takes its data for an attempt's";
  EXPECT_TRUE(intends<intent::Demote>(d));
}

TEST(Founding, the_new_leader_looks_at_once_who_waits) {
  ViewBuilder b = ViewBuilder().as_leader().ended(OperationKind::finish_bootstrap, true);
  b.view.memory.making.bootstrapping = true;
  const Decision d = b.decide();
  EXPECT_EQ(d.reason.text(), "initialized a new cluster");
  EXPECT_FALSE(d.memory.making.bootstrapping);
  EXPECT_EQ(d.mandate.kind, Mandate::Kind::keep);
  EXPECT_EQ(d.wake_at, b.view.now);
}

TEST(Founding, a_bootstrap_goes_on_while_the_store_is_silent) {
  ViewBuilder b =
      ViewBuilder().as_leader().unlocked().no_lease().store_down().ended(OperationKind::bootstrap, true);
  b.view.memory.making.bootstrapping = true;
  EXPECT_FALSE(intends<intent::Demote>(b.decide()));
}

TEST(Founding, a_lost_race_for_initialize_leaves_nothing_behind) {
  ViewBuilder b = ViewBuilder().before_bootstrap();
  b.view.memory.making.bootstrapping = true;
  EXPECT_FALSE(b.decide().memory.making.bootstrapping);
}

TEST(Founding, the_end_of_recovery_and_the_users_are_told_of) {
  ViewBuilder b = ViewBuilder().before_bootstrap();
  b.view.memory.making.bootstrapping = true;
  EXPECT_EQ(b.operation(OperationKind::bootstrap, Phase::ending_recovery).decide().reason.text(),
            "waiting for end of recovery after bootstrap");
  EXPECT_EQ(b.operation(OperationKind::bootstrap, Phase::creating_users).decide().reason.text(),
            "running post_bootstrap");
}

TEST(Founding, a_result_of_another_cluster_is_not_taken_for_the_own) {
  ViewBuilder b = ViewBuilder().as_leader().unlocked().no_lease().linearizable().ended(
      OperationKind::finish_bootstrap, false);
  b.view.memory.making.bootstrapping = true;
  b.cluster.initialize.value = "7000000000000000009";
  EXPECT_TRUE(intends<intent::CancelBootstrap>(b.decide()));
}

}  // namespace
}  // namespace tanist::ha
