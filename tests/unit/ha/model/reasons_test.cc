#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

#include "ha/model/decision.h"

namespace tanist::ha {
namespace {

constexpr Code kCodes[] = {
#define TANIST_REASON(code, text, section) Code::code,
#include "ha/model/reasons.inc"
#undef TANIST_REASON
};

TEST(Reasons, each_code_has_one_name_and_each_text_one_code) {
  std::set<std::string_view> names;
  std::map<std::string_view, std::string_view> texts;
  for (const Code code : kCodes) {
    EXPECT_TRUE(names.insert(code_name(code)).second) << code_name(code);
    if (code_text(code).empty()) continue;
    const auto [other, fresh] = texts.emplace(code_text(code), code_name(code));
    EXPECT_TRUE(fresh) << code_name(code) << " says the same as " << other->second;
  }
}

TEST(Reasons, a_quoted_text_names_its_section_and_a_silent_reason_has_none) {
  for (const Code code : kCodes)
    if (code_text(code).empty()) EXPECT_EQ(code_section(code), "") << code_name(code);
}

TEST(Reasons, places_are_numbered_from_zero_without_gaps) {
  for (const Code code : kCodes) {
    const std::string text(code_text(code));
    bool ended = false;
    for (int n = 0; n < 4; ++n) {
      const bool there = text.find("{" + std::to_string(n) + "}") != std::string::npos;
      EXPECT_FALSE(there && ended) << code_name(code);
      ended = ended || !there;
    }
  }
}

TEST(Reasons, arguments_stand_in_their_places) {
  const Reason reason{.code = Code::no_action_secondary, .arguments = {"n1", "n2"}};
  EXPECT_EQ(reason.text(), "no action. I am (n1), a secondary, and following a leader (n2)");
}

TEST(Reasons, an_argument_that_looks_like_a_place_is_left_alone) {
  const Reason reason{.code = Code::in_progress, .arguments = {"{0}"}};
  EXPECT_EQ(reason.text(), "{0} in progress");
}

TEST(Reasons, a_missing_argument_is_empty) {
  EXPECT_EQ(Reason{.code = Code::no_action_leader}.text(), "no action. I am (), the leader with the lock");
}

/// What operators' scripts and test suites read, byte for byte.
TEST(Reasons, every_message_that_others_read_is_there) {
  const char* const quoted[] = {
      "no action. I am ({0}), the leader with the lock",
      "no action. I am ({0}), a secondary, and following a leader ({1})",
      "promoted self to leader because I had the session lock",
      "promoted self to leader by acquiring session lock",
      "acquired session lock as a leader",
      "demoting self because I do not have the lock and I was a leader",
      "demoted self because failed to update leader lock in DCS",
      "not promoting because failed to update leader lock in DCS",
      "following new leader after trying and failing to obtain lock",
      "demoted self after trying and failing to obtain lock",
      "following a different leader because I am not allowed to promote",
      "demoting self because I am not allowed to become primary",
      "following a different leader because i am not the healthiest node",
      "demoting self because i am not the healthiest node",
      "backoff: skip leader race after pre_promote script failure and releasing the lock voluntarily",
      "My timeline {0} is behind last known cluster timeline {1}",
      "My wal position exceeds maximum replication lag",
      "My ({0}) wal position moved since last heart beat loop, {1} seconds until leader race",
      "Primary ({0}) is still alive",
      "Wal position of {0} is ahead of my wal position",
      "Watchdog device is not usable",
      "updated leader lock during {0}",
      "{0} in progress",
      "lost leader before promote",
      "lost leader lock during {0}",
      "terminated crash recovery because of startup timeout",
      "stopped PostgreSQL because of startup timeout",
      "primary start has timed out, but continuing to wait because failover is not possible",
      "PostgreSQL is still starting up, {0} seconds until timeout",
      "trying to bootstrap a new cluster",
      "trying to bootstrap from leader '{0}'",
      "trying to bootstrap from replica '{0}'",
      "waiting for leader to bootstrap",
      "initialized a new cluster",
      "Failed to bootstrap cluster",
      "released leader key voluntarily as data dir empty and currently leader",
      "data dir for the cluster is not empty, but system ID is invalid; consider doing reinitialize",
      "system ID mismatch, node {0} belongs to a different cluster: {1} != {2}",
      "No initialize key in DCS and PostgreSQL is running as replica, aborting start",
      "starting primary after failure",
      "doing crash recovery in a single user mode",
      "starting as readonly because i had the session lock",
      "starting as a secondary",
      "removed leader key after trying and failing to start postgres",
      "failed to start postgres",
      "stopped PostgreSQL to fail over after a crash",
      "running pg_rewind from {0}",
      "reinitializing due to diverged timelines",
      "changing primary_conninfo and restarting",
      "DCS is not accessible",
      "demoting self because DCS is not accessible and I was a leader",
      "demoted self because DCS is not accessible and I was a leader",
      "Promotion cancelled because the pre-promote script failed",
      "Demoting self because watchdog could not be activated",
      "Not promoting self because watchdog could not be activated",
      "Leader key is not deleted and Postgresql is not stopped due paused state",
  };
  std::set<std::string_view> known;
  for (const Code code : kCodes) {
    known.insert(code_text(code));
    if (code_section(code).empty()) continue;
    EXPECT_FALSE(code_text(code).empty()) << code_name(code);
  }
  for (const char* text : quoted) EXPECT_TRUE(known.contains(text)) << text;
}

}  // namespace
}  // namespace tanist::ha
