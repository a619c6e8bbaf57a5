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
  EXPECT_FALSE(intends<intent::CancelBootstrap>(b.store_down().decide()));
}

TEST(Founding, a_result_that_was_stored_after_all_is_never_cancelled) {
  ViewBuilder b =
      ViewBuilder().as_leader().leader("n2").no_lease().ended(OperationKind::finish_bootstrap, false);
  b.view.memory.making.bootstrapping = true;
  const Decision d = b.linearizable().decide();
  EXPECT_FALSE(intends<intent::CancelBootstrap>(d));
  EXPECT_FALSE(d.memory.making.bootstrapping);
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

TEST(Cloning, an_empty_member_clones_from_the_leader) {
  const Decision d = ViewBuilder().without_data().decide();
  ASSERT_TRUE(intends<intent::Clone>(d));
  const auto& clone = std::get<intent::Clone>(d.intent);
  EXPECT_EQ(clone.source_name, "n2");
  ASSERT_TRUE(clone.source);
  EXPECT_EQ(clone.source->host, "n2.example");
  EXPECT_TRUE(clone.from_leader);
  EXPECT_EQ(clone.why_removal_allowed, "");
  EXPECT_EQ(d.reason.text(), "trying to bootstrap from leader 'n2'");
}

TEST(Cloning, a_running_member_with_clonefrom_is_preferred) {
  ViewBuilder b = ViewBuilder().without_data();
  b.cluster.members["n3"].tags = Document::map({{"clonefrom", true}});
  const Decision d = b.decide();
  ASSERT_TRUE(intends<intent::Clone>(d));
  EXPECT_EQ(std::get<intent::Clone>(d.intent).source_name, "n3");
  EXPECT_EQ(d.reason.text(), "trying to bootstrap from replica 'n3'");
  b.cluster.members["n3"].state = "starting";
  EXPECT_EQ(std::get<intent::Clone>(b.decide().intent).source_name, "n2");
}

TEST(Cloning, a_leader_without_an_address_is_waited_for) {
  ViewBuilder b = ViewBuilder().without_data();
  b.cluster.members["n2"].conn_url.clear();
  EXPECT_EQ(b.decide().reason.text(), "waiting for leader to bootstrap");
}

TEST(Cloning, a_failed_clone_is_tried_again_a_little_later) {
  ViewBuilder b = ViewBuilder().without_data().ended(OperationKind::clone, false, "connection refused");
  const Decision d = b.decide();
  EXPECT_TRUE(intends<intent::None>(d));
  EXPECT_TRUE(d.wake_at);
  b.view.last_operation->ended = b.view.now - 5s;
  EXPECT_TRUE(intends<intent::Clone>(b.decide()));
}

TEST(Cloning, each_failure_makes_the_next_pause_longer) {
  ViewBuilder b = ViewBuilder().without_data();
  Duration before = 0s;
  for (int failed = 1; failed <= 8; ++failed) {
    b.ended(OperationKind::clone, false, "the script is broken");
    b.view.last_operation->serial = static_cast<std::uint64_t>(failed);
    b.view.last_operation->ended = b.view.now;
    const Decision d = b.decide();
    ASSERT_TRUE(intends<intent::None>(d)) << failed;
    EXPECT_EQ(d.memory.making.clones_failed, failed);
    const Duration pause = *d.wake_at - b.view.now;
    EXPECT_TRUE(pause > before || pause == 20s) << failed;
    EXPECT_LE(pause, 20s);
    before = pause;
    b.view.memory = d.memory;
    // The same result, seen again, counts once.
    EXPECT_EQ(b.decide().memory.making.clones_failed, failed);
    EXPECT_EQ(*b.decide().wake_at - b.view.now, pause);
  }
  b.ended(OperationKind::clone, true);
  b.view.last_operation->serial = 9;
  EXPECT_EQ(b.decide().memory.making.clones_failed, 0);
}

TEST(Cloning, one_that_was_cancelled_is_no_failure) {
  ViewBuilder b = ViewBuilder().without_data().ended(OperationKind::clone, Ending::cancelled);
  const Decision d = b.decide();
  EXPECT_EQ(d.memory.making.clones_failed, 0);
  EXPECT_TRUE(intends<intent::Clone>(d));
}

TEST(Cloning, a_source_that_does_not_serve_is_given_up_for_another) {
  ViewBuilder b = ViewBuilder().without_data().member("n4");
  b.cluster.members["n3"].tags = b.cluster.members["n4"].tags = Document::map({{"clonefrom", true}});
  std::set<std::string> asked;
  for (int failed = 0; failed < 5; ++failed) {
    b.view.memory.making.clones_failed = failed;
    const Decision d = b.decide();
    ASSERT_TRUE(intends<intent::Clone>(d));
    const std::string source = std::get<intent::Clone>(d.intent).source_name;
    // The leader's turn comes only when all that offered themselves have failed.
    if (failed < 2) EXPECT_NE(source, "n2");
    asked.insert(source);
  }
  EXPECT_EQ(asked, (std::set<std::string>{"n2", "n3", "n4"}));
}

ViewBuilder with_a_backup() {
  ViewBuilder b = ViewBuilder().without_data().unlocked().linearizable();
  b.settings.postgresql.create_replica_methods = {"restore", "basebackup"};
  b.settings.postgresql.replica_methods["restore"] = {.command = "/restore", .no_leader = true};
  return b;
}

TEST(Cloning, without_a_leader_a_backup_is_restored_on_a_fresh_view) {
  ViewBuilder b = with_a_backup();
  const Decision d = b.decide();
  ASSERT_TRUE(intends<intent::Clone>(d));
  EXPECT_FALSE(std::get<intent::Clone>(d.intent).source);
  EXPECT_EQ(d.reason.text(), "trying to bootstrap (without leader)");
  EXPECT_TRUE(b.linearizable(false).decide().needs.linearizable_view);
}

TEST(Cloning, nothing_is_restored_while_somebody_makes_a_new_cluster) {
  ViewBuilder b = with_a_backup();
  b.cluster.initialize = {.version = dcs::Version("31"), .present = true};
  EXPECT_EQ(b.decide().reason.text(), "waiting for leader to bootstrap");
}

TEST(Cloning, a_method_that_needs_a_leader_waits_for_one) {
  ViewBuilder b = with_a_backup();
  b.settings.postgresql.replica_methods["restore"].no_leader = false;
  EXPECT_EQ(b.decide().reason.text(), "waiting for leader to bootstrap");
}

TEST(Cloning, with_a_leader_it_is_the_source_whatever_the_methods_can_do) {
  const Decision d = with_a_backup().leader("n2").decide();
  ASSERT_TRUE(intends<intent::Clone>(d));
  EXPECT_TRUE(std::get<intent::Clone>(d.intent).source);
}

TEST(Founding, the_end_of_recovery_and_the_users_are_told_of) {
  ViewBuilder b = ViewBuilder().before_bootstrap();
  b.view.memory.making.bootstrapping = true;
  EXPECT_EQ(b.operation(OperationKind::bootstrap, Phase::ending_recovery).decide().reason.text(),
            "waiting for end of recovery after bootstrap");
  EXPECT_EQ(b.operation(OperationKind::bootstrap, Phase::creating_users).decide().reason.text(),
            "running post_bootstrap");
}

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
  EXPECT_TRUE(intends<intent::Acquire>(d));
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

TEST(Founding, a_result_of_another_cluster_is_not_taken_for_the_own) {
  ViewBuilder b = ViewBuilder().as_leader().unlocked().no_lease().linearizable().ended(
      OperationKind::finish_bootstrap, false);
  b.view.memory.making.bootstrapping = true;
  b.cluster.initialize.value = "7000000000000000009";
  EXPECT_TRUE(intends<intent::CancelBootstrap>(b.decide()));
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
