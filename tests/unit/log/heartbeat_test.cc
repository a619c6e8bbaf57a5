#include "log/heartbeat.h"

#include <gtest/gtest.h>

namespace tanist::log {
namespace {

constexpr const char* kOwner = "Lock owner: n1; I am n2";
constexpr const char* kIdle = "no action. I am (n2), a secondary, and following a leader (n1)";

struct Filter {
  HeartbeatFilter filter;
  Options options;
  std::vector<std::string> written;

  Filter& say(std::string message, std::int64_t thread = 1) {
    Line line{WallTime(), Level::info, std::move(message)};
    line.thread = thread;
    std::vector<Line> out;
    filter.pass(std::move(line), options, out);
    for (auto& passed : out) written.push_back(passed.message);
    return *this;
  }
};

using Lines = std::vector<std::string>;

TEST(log_heartbeat, a_healthy_cycle_is_one_line) {
  Filter f;
  f.say(kOwner).say(kIdle).say(kOwner).say("PAUSE: no action. I am (n2)");
  EXPECT_EQ(f.written, (Lines{kIdle, "PAUSE: no action. I am (n2)"}));
}

TEST(log_heartbeat, the_owner_is_told_before_anything_else) {
  Filter f;
  f.say(kOwner).say("promoted self to leader by acquiring session lock");
  EXPECT_EQ(f.written, (Lines{kOwner, "promoted self to leader by acquiring session lock"}));
}

TEST(log_heartbeat, an_owner_after_an_owner_is_told) {
  Filter f;
  f.say(kOwner).say("Lock owner: n2; I am n2").say(kIdle);
  EXPECT_EQ(f.written, (Lines{kOwner, kIdle}));
}

TEST(log_heartbeat, other_threads_do_not_count) {
  Filter f;
  f.say(kOwner, 1).say("GET /patroni", 2).say(kIdle, 1);
  EXPECT_EQ(f.written, (Lines{"GET /patroni", kIdle}));
}

TEST(log_heartbeat, nothing_is_held_back_unless_the_level_is_exactly_info) {
  for (const auto level : {Level::debug, Level::warning}) {
    Filter f;
    f.options.level = level;
    f.options.deduplicate_heartbeats = true;
    f.say(kOwner).say(kIdle).say(kOwner).say(kIdle);
    EXPECT_EQ(f.written, (Lines{kOwner, kIdle, kOwner, kIdle}));
  }
}

TEST(log_heartbeat, a_change_of_the_level_lets_go_what_was_held) {
  Filter f;
  f.say(kOwner);
  f.options.level = Level::debug;
  f.say("x");
  EXPECT_EQ(f.written, (Lines{kOwner, "x"}));
}

TEST(log_heartbeat, equal_heartbeats_are_told_once_when_wanted) {
  Filter f;
  f.options.deduplicate_heartbeats = true;
  f.say(kOwner).say(kIdle).say(kOwner).say(kIdle).say(kOwner).say(
      "no action. I am (n2), the leader with the lock");
  EXPECT_EQ(f.written, (Lines{kIdle, "no action. I am (n2), the leader with the lock"}));
}

TEST(log_heartbeat, after_any_other_line_a_heartbeat_is_told_again) {
  Filter f;
  f.options.deduplicate_heartbeats = true;
  f.say(kOwner).say(kIdle).say(kOwner).say("restarting").say(kOwner).say(kIdle);
  EXPECT_EQ(f.written, (Lines{kIdle, kOwner, "restarting", kIdle}));
}

}  // namespace
}  // namespace tanist::log
