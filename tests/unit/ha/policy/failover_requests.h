#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "unit/ha/view_builder.h"

/// Views in which an operator asks for a switchover or failover, and what is expected of decisions on them.
namespace tanist::ha::testing {

inline constexpr Lsn kBehind{kHere.value - 100};
inline constexpr Lsn kBeyond{kHere.value + 100};

inline ViewBuilder& asks(ViewBuilder& b, const std::string& leader, const std::string& candidate,
                         std::optional<Duration> in = std::nullopt) {
  b.cluster.failover = {.version = dcs::Version("77"), .leader = leader, .candidate = candidate};
  if (in)
    b.cluster.failover.scheduled_at =
        b.view.wall_now + std::chrono::duration_cast<std::chrono::microseconds>(*in);
  return b;
}

/// I lead, everybody else is as fit as can be.
inline ViewBuilder leading(const std::string& leader, const std::string& candidate,
                           std::optional<Duration> in = std::nullopt) {
  ViewBuilder b = ViewBuilder().as_leader().linearizable().peer("n2", kHere).peer("n3", kHere);
  return asks(b, leader, candidate, in);
}

/// Nobody leads; n2 did.
inline ViewBuilder racing(const std::string& leader, const std::string& candidate) {
  ViewBuilder b = ViewBuilder().as_candidate().peer("n2", kHere).peer("n3", kHere);
  return asks(b, leader, candidate);
}

inline bool hands_over(const Decision& d) {
  const auto* demote = std::get_if<intent::Demote>(&d.intent);
  return demote && demote->mode == DemoteMode::graceful && !demote->name.empty();
}
/// With the text of the warning, the key is rewritten, and the leader goes on.
inline void expect_refused(const Decision& d, const std::string& warning) {
  EXPECT_TRUE(intends<intent::None>(d)) << warning;
  EXPECT_TRUE(says(d, warning)) << warning;
  EXPECT_TRUE(says(d, "Cleaning up failover key")) << warning;
  const auto rewritten = duties<duty::Failover>(d);
  ASSERT_EQ(rewritten.size(), 1u) << warning;
  EXPECT_EQ(rewritten[0].version, dcs::Version("77"));
  EXPECT_EQ(rewritten[0].candidate, "");
  EXPECT_EQ(d.reason.code, Code::no_action_leader);
}

inline ViewBuilder about_to_stop() {
  ViewBuilder b = leading("n1", "n2").operation(OperationKind::demote, Phase::awaiting_go, Cancel::free);
  b.view.operation->name = "switchover: demote";
  b.view.operation->demote_mode = DemoteMode::graceful;
  b.view.operation->awaits_verdict = true;
  b.view.memory.requested.stopping_for = dcs::Version("77");
  return b;
}
inline bool goes_on(const Decision& d) {
  const auto* advance = std::get_if<intent::Advance>(&d.intent);
  return advance && advance->now;
}

}  // namespace tanist::ha::testing
