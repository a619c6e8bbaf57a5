#include "ctl/explain/clocks.h"

#include <gtest/gtest.h>

namespace tanist::ctl::explain {
namespace {

using namespace std::chrono_literals;

constexpr WallTime kNow{std::chrono::hours(1000)};

/// A member whose clock is `ahead`; the ways there and back take so long.
Round round(std::chrono::microseconds ahead, std::chrono::microseconds there,
            std::chrono::microseconds back) {
  const WallTime received_there = kNow + there + ahead;
  return {.sent = kNow,
          .received_there = received_there,
          .answered_there = received_there + 30us,
          .received = kNow + there + 30us + back};
}

TEST(Clocks, an_offset_is_known_within_the_time_on_the_way) {
  const auto offset = offset_of({round(5s, 2ms, 1ms)});
  ASSERT_TRUE(offset);
  EXPECT_EQ(offset->ahead, 5s + 500us);
  EXPECT_EQ(offset->error, 1500us);
}

TEST(Clocks, each_round_narrows_it) {
  const auto offset = offset_of({round(-5s, 1ms, 9ms), round(-5s, 9ms, 1ms), round(-5s, 4ms, 4ms)});
  ASSERT_TRUE(offset);
  EXPECT_EQ(offset->ahead, -5s);
  EXPECT_EQ(offset->error, 1ms);
}

TEST(Clocks, one_that_was_set_meanwhile_counts_as_it_is_now) {
  const auto offset = offset_of({round(0s, 1ms, 1ms), round(1h, 2ms, 2ms)});
  ASSERT_TRUE(offset);
  EXPECT_EQ(offset->ahead, 1h);
  EXPECT_EQ(offset->error, 2ms);
}

TEST(Clocks, without_an_answer_nothing_is_known) {
  EXPECT_FALSE(offset_of({}));
}

TEST(Clocks, an_entry_is_told_by_the_clock_that_does_not_step) {
  const Moment answered{.wall = kNow, .boot = Instant(1000s)};
  // The calendar was set by two seconds in between.
  const Moment entry{.wall = kNow - 102s, .boot = Instant(900s)};
  EXPECT_EQ(here(entry, answered, {.ahead = 1s}), kNow - 100s - 1s);
}

TEST(Clocks, of_an_entry_from_before_the_host_was_started_anew_the_calendar_counts) {
  const Moment answered{.wall = kNow, .boot = Instant(1000s)};
  EXPECT_EQ(here({.wall = kNow - 1h, .boot = Instant(5000s)}, answered, {}), kNow - 1h);
  EXPECT_EQ(here({.wall = kNow - 1h, .boot = Instant(999s)}, answered, {}), kNow - 1h);
}

}  // namespace
}  // namespace tanist::ctl::explain
