#include <gtest/gtest.h>

#include "unit/ha/view_builder.h"

namespace tanist::ha {
namespace {

using namespace testing;

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
  b.settings.postgresql.copying.create_replica_methods = {"restore", "basebackup"};
  b.settings.postgresql.copying.replica_methods["restore"] = {.command = "/restore", .no_leader = true};
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
  b.settings.postgresql.copying.replica_methods["restore"].no_leader = false;
  EXPECT_EQ(b.decide().reason.text(), "waiting for leader to bootstrap");
}

TEST(Cloning, with_a_leader_it_is_the_source_whatever_the_methods_can_do) {
  const Decision d = with_a_backup().leader("n2").decide();
  ASSERT_TRUE(intends<intent::Clone>(d));
  EXPECT_TRUE(std::get<intent::Clone>(d.intent).source);
}

}  // namespace
}  // namespace tanist::ha
