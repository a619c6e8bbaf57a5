#include <gtest/gtest.h>

#include "unit/ha/view_builder.h"

namespace tanist::ha {
namespace {

using namespace testing;

TEST(Data, an_empty_directory_gives_the_lock_back) {
  const Decision d = ViewBuilder().without_data().lock_mine().decide();
  EXPECT_TRUE(intends<intent::Release>(d));
  EXPECT_EQ(d.reason.text(), "released leader key voluntarily as data dir empty and currently leader");
}

TEST(Data, an_unreadable_directory_gives_the_lock_back) {
  ViewBuilder b = ViewBuilder().without_data().lock_mine();
  b.view.postgres.facts.data_directory = postgres::DataDirectory::unreadable;
  EXPECT_EQ(b.decide().reason.text(),
            "released leader key voluntarily as data dir not accessible and currently leader");
}

TEST(Data, an_unreadable_directory_is_neither_cloned_into_nor_bootstrapped) {
  ViewBuilder b = ViewBuilder().without_data();
  b.view.postgres.facts.data_directory = postgres::DataDirectory::unreadable;
  b.view.postgres.facts.data_directory_error = "Permission denied";
  const Decision d = b.decide();
  EXPECT_TRUE(intends<intent::None>(d));
  EXPECT_EQ(d.reason.text(), "data directory is not accessible: Permission denied");
}

TEST(Data, a_server_whose_directory_is_gone_is_stopped) {
  ViewBuilder b = ViewBuilder().as_leader();
  b.view.postgres.facts.data_directory = postgres::DataDirectory::empty;
  EXPECT_TRUE(intends<intent::StopImmediate>(b.decide()));
}

TEST(Data, a_directory_that_holds_something_else_is_left_alone) {
  ViewBuilder b = ViewBuilder().without_data();
  b.view.postgres.facts.data_directory = postgres::DataDirectory::foreign;
  const Decision d = b.decide();
  EXPECT_TRUE(intends<intent::None>(d));
  EXPECT_TRUE(says_something_like(d, "the data directory /data is not empty, but holds no database cluster"));
  EXPECT_TRUE(says_something_like(d, "HINT:"));
}

/// One unreadable file must not cost the cluster its only writable server, nor leave it two.
struct UnclearData : ::testing::TestWithParam<std::string> {
  ViewBuilder of(ViewBuilder b) const {
    auto& facts = b.view.postgres.facts;
    if (GetParam() == "foreign") facts.data_directory = postgres::DataDirectory::foreign;
    if (GetParam() == "unknown_id") facts.system_identifier.clear();
    return b;
  }
};

TEST_P(UnclearData, of_a_leader_keeps_its_key) {
  const Decision d = of(ViewBuilder().as_leader()).decide();
  EXPECT_TRUE(intends<intent::None>(d));
  EXPECT_EQ(d.mandate.kind, Mandate::Kind::keep);
}

TEST_P(UnclearData, under_the_key_of_another_is_stopped) {
  EXPECT_TRUE(intends<intent::StopImmediate>(of(ViewBuilder().as_leader().leader("n2").no_lease()).decide()));
}

TEST_P(UnclearData, of_a_primary_without_a_lease_is_stopped) {
  EXPECT_TRUE(intends<intent::StopImmediate>(of(ViewBuilder().as_leader().no_lease()).decide()));
  EXPECT_TRUE(intends<intent::StopImmediate>(of(ViewBuilder().as_leader().unlocked().no_lease()).decide()));
}

TEST_P(UnclearData, of_a_standby_with_the_key_gives_it_away) {
  EXPECT_TRUE(intends<intent::Release>(of(ViewBuilder().as_replica().lock_mine()).decide()));
}

TEST_P(UnclearData, of_a_standby_is_left_alone) {
  EXPECT_TRUE(intends<intent::None>(of(ViewBuilder().as_replica()).decide()));
}

TEST_P(UnclearData, in_pause_is_left_alone) {
  ViewBuilder b = of(ViewBuilder().as_leader());
  b.settings.dynamic.pause = true;
  EXPECT_TRUE(intends<intent::None>(b.decide()));
}

INSTANTIATE_TEST_SUITE_P(Kinds, UnclearData, ::testing::Values("foreign", "unknown_id"),
                         [](const auto& info) { return info.param; });

TEST(Data, an_unknown_system_identifier_starts_nothing) {
  ViewBuilder b = ViewBuilder().as_replica().down();
  b.view.postgres.facts.system_identifier.clear();
  const Decision d = b.decide();
  EXPECT_TRUE(intends<intent::None>(d));
  EXPECT_EQ(d.reason.text(),
            "data dir for the cluster is not empty, but system ID is invalid; consider doing reinitialize");
}

TEST(Data, a_member_of_another_cluster_ends) {
  ViewBuilder b = ViewBuilder().as_replica();
  b.cluster.initialize.value = "7000000000000000009";
  EXPECT_TRUE(b.decide().needs.linearizable_view);
  EXPECT_FALSE(intends<intent::Exit>(b.decide()));
  const Decision d = b.linearizable().decide();
  ASSERT_TRUE(intends<intent::Exit>(d));
  EXPECT_EQ(std::get<intent::Exit>(d.intent).code, 1);
  EXPECT_EQ(std::get<intent::Exit>(d.intent).why,
            "system ID mismatch, node n1 belongs to a different cluster: 7000000000000000009 != "
            "7000000000000000001");
}

TEST(Data, a_primary_of_another_cluster_is_stopped_before_its_daemon_ends) {
  ViewBuilder b = ViewBuilder().as_leader().linearizable();
  b.cluster.initialize.value = "7000000000000000009";
  Decision d = b.decide();
  ASSERT_TRUE(intends<intent::Demote>(d));
  EXPECT_EQ(std::get<intent::Demote>(d.intent).mode, DemoteMode::graceful);
  EXPECT_EQ(d.mandate.kind, Mandate::Kind::keep) << "until nothing of it is left";

  EXPECT_TRUE(intends<intent::StopImmediate>(b.leader("n2").no_lease().decide()));

  EXPECT_TRUE(intends<intent::Exit>(b.down("shut down").decide()));
}

TEST(Data, a_primary_whose_bootstrap_could_not_be_cancelled_is_stopped_before_its_daemon_ends) {
  ViewBuilder b = ViewBuilder().as_leader().unlocked().no_lease().linearizable();
  b.view.memory.making.bootstrapping = true;
  b.ended(OperationKind::cancel_bootstrap, false, "PostgreSQL could not be stopped");
  EXPECT_TRUE(intends<intent::StopImmediate>(b.decide()));
  EXPECT_TRUE(intends<intent::Exit>(b.down("shut down").decide()));
}

TEST(Data, in_pause_a_member_of_another_cluster_only_gives_the_lock_back) {
  ViewBuilder b = ViewBuilder().as_leader();
  b.settings.dynamic.pause = true;
  b.cluster.initialize.value = "7000000000000000009";
  const Decision d = b.decide();
  EXPECT_TRUE(intends<intent::Release>(d));
  EXPECT_EQ(d.reason.text(), "released leader key voluntarily due to the system ID mismatch");
}

TEST(Data, a_replica_that_meets_an_empty_store_at_its_start_ends) {
  ViewBuilder b = ViewBuilder().as_candidate();
  b.cluster.initialize = {};
  b.view.memory.joined = false;
  const Decision d = b.decide();
  ASSERT_TRUE(intends<intent::Exit>(d));
  EXPECT_TRUE(says(d, "No initialize key in DCS and PostgreSQL is running as replica, aborting start"));
  EXPECT_EQ(std::get<intent::Exit>(d.intent).why,
            "Please first start Patroni on the node running as primary");
}

TEST(Data, a_replica_that_meets_an_empty_store_later_stays) {
  ViewBuilder b = ViewBuilder().as_candidate().peer_primary("n2").peer("n3", kHere);
  b.cluster.initialize = {};
  EXPECT_FALSE(intends<intent::Exit>(b.decide()));
}

TEST(Data, existing_data_is_brought_into_an_empty_store) {
  ViewBuilder b = ViewBuilder().as_leader().unlocked().no_lease().linearizable();
  b.cluster.initialize = {};
  b.view.memory.joined = false;
  const Decision d = b.decide();
  EXPECT_TRUE(has_duty<duty::Initialize>(d));
  EXPECT_TRUE(intends<intent::None>(d)) << "the key is taken on what stands there, and that is being written";
  EXPECT_EQ(d.wake_at, b.view.now);
  b.cluster.initialize = {dcs::Version("8"), true, b.view.postgres.facts.system_identifier, true};
  EXPECT_TRUE(intends<intent::Acquire>(b.decide()));
}

TEST(Data, existing_data_does_not_write_over_a_bootstrap_in_progress) {
  ViewBuilder b = ViewBuilder().as_leader().unlocked().no_lease().linearizable();
  b.cluster.initialize.value.clear();
  b.view.memory.joined = false;
  EXPECT_FALSE(has_duty<duty::Initialize>(b.decide()));
}

TEST(Data, a_directory_that_holds_something_else_gives_the_lock_back) {
  ViewBuilder b = ViewBuilder().as_leader().down();
  b.view.postgres.facts.data_directory = postgres::DataDirectory::foreign;
  const Decision d = b.decide();
  EXPECT_TRUE(intends<intent::Release>(d));
  EXPECT_EQ(d.mandate.kind, Mandate::Kind::release);
}

TEST(Data, an_unknown_system_identifier_gives_the_lock_back_only_where_nothing_can_commit) {
  ViewBuilder b = ViewBuilder().as_leader();
  b.view.postgres.facts.system_identifier.clear();
  const Decision running = b.decide();
  EXPECT_FALSE(intends<intent::Release>(running)) << "what is running goes on writing";
  EXPECT_EQ(running.mandate.kind, Mandate::Kind::keep);
  b.down();
  EXPECT_TRUE(intends<intent::Release>(b.decide()));
}

TEST(Data, a_member_has_joined_when_a_decision_was_finished_and_not_before) {
  ViewBuilder b = ViewBuilder().as_candidate();
  b.view.memory.joined = false;
  const Decision asking = b.decide();
  ASSERT_TRUE(asking.needs.any());
  EXPECT_FALSE(asking.memory.joined);
  EXPECT_TRUE(b.peer("n2", kHere).peer("n3", kHere).decide().memory.joined);
}

}  // namespace
}  // namespace tanist::ha
