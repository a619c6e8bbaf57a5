#include <gtest/gtest.h>

#include "unit/ha/view_builder.h"

namespace tanist::ha {
namespace {

using namespace testing;

TEST(Shutdown, stops_postgres_with_the_lock_kept) {
  ViewBuilder b = ViewBuilder().as_leader();
  b.view.commands.shutdown = true;
  const Decision d = b.decide();
  ASSERT_TRUE(intends<intent::Shutdown>(d));
  EXPECT_FALSE(std::get<intent::Shutdown>(d.intent).hurry);
  EXPECT_EQ(d.mandate.kind, Mandate::Kind::keep);
}

TEST(Shutdown, goes_on_without_a_store) {
  ViewBuilder b = ViewBuilder().as_leader().store_down();
  b.view.commands.shutdown = true;
  EXPECT_TRUE(intends<intent::Shutdown>(b.decide()));
}

TEST(Shutdown, a_second_signal_is_in_a_hurry) {
  ViewBuilder b =
      ViewBuilder().as_leader().operation(OperationKind::shutdown, Phase::stopping_clients, Cancel::no);
  b.view.commands = {.shutdown = true, .hurry = true};
  ASSERT_TRUE(intends<intent::Shutdown>(b.decide()));
  EXPECT_TRUE(std::get<intent::Shutdown>(b.decide().intent).hurry);
}

TEST(Shutdown, ends_a_clone_first) {
  ViewBuilder b = ViewBuilder().without_data().operation(OperationKind::clone, Phase::cloning);
  b.view.commands.shutdown = true;
  EXPECT_TRUE(intends<intent::PreEmpt>(b.decide()));
}

TEST(Shutdown, ends_the_daemon_when_postgres_is_down) {
  ViewBuilder b = ViewBuilder().as_leader().unlocked().no_lease().down("shut down");
  b.ended(OperationKind::shutdown, true);
  b.view.commands.shutdown = true;
  const Decision d = b.decide();
  ASSERT_TRUE(intends<intent::Exit>(d));
  EXPECT_EQ(std::get<intent::Exit>(d.intent).code, 0);
}

TEST(Shutdown, a_server_that_cannot_be_stopped_is_an_error) {
  ViewBuilder b =
      ViewBuilder().as_leader().ended(OperationKind::shutdown, false, "PostgreSQL could not be stopped");
  b.view.commands.shutdown = true;
  // The daemon does not end beside it: it is killed again.
  const Decision d = b.decide();
  ASSERT_TRUE(intends<intent::Shutdown>(d));
  EXPECT_TRUE(std::get<intent::Shutdown>(d.intent).hurry);
  EXPECT_EQ(std::get<intent::Exit>(b.down().decide().intent).code, 1);
}

TEST(Shutdown, stops_what_was_started_after_it) {
  ViewBuilder b = ViewBuilder().as_leader().ended(OperationKind::shutdown, true);
  b.view.commands.shutdown = true;
  EXPECT_TRUE(intends<intent::Shutdown>(b.decide()));
}

TEST(Shutdown, in_pause_leaves_postgres_and_the_key_alone) {
  ViewBuilder b = ViewBuilder().as_leader();
  b.settings.dynamic.pause = true;
  b.view.commands.shutdown = true;
  const Decision d = b.decide();
  ASSERT_TRUE(intends<intent::Exit>(d));
  EXPECT_TRUE(says(d, "Leader key is not deleted and Postgresql is not stopped due paused state"));
  EXPECT_NE(d.mandate.kind, Mandate::Kind::release);
}

}  // namespace
}  // namespace tanist::ha
