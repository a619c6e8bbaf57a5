#include "ha/lease.h"

#include <gtest/gtest.h>

namespace tanist::ha {
namespace {

using namespace std::chrono_literals;

config::Timing timing(Duration ttl) {
  return {.ttl = ttl};
}

TEST(Lease, counts_from_before_the_request_and_allows_for_clock_drift) {
  const Lease lease = lease_from(Instant(100s), 30s);
  EXPECT_EQ(lease.until, Instant(100s) + 29970ms);
  EXPECT_EQ(lease.proven_at, Instant(100s));
}

TEST(Lease, is_held_strictly_before_its_end) {
  const Lease lease = lease_from(Instant(100s), 10s);
  EXPECT_TRUE(lease.held(lease.until - 1ns));
  EXPECT_FALSE(lease.held(lease.until));
}

TEST(Lease, none_is_never_held) {
  EXPECT_FALSE(Lease{}.held(Instant(1s)));
}

TEST(LeaseDeadlines, come_in_their_order) {
  for (const Duration ttl : {20s, 30s, 300s}) {
    const auto at = lease_deadlines(lease_from(Instant(1000s), ttl), timing(ttl));
    EXPECT_LT(at.ask_at, at.stop_at);
    EXPECT_LT(at.stop_at, at.kill_at);
    EXPECT_LT(at.kill_at, at.until);
  }
}

TEST(LeaseDeadlines, kill_leaves_the_kernel_time_to_take_processes_away) {
  const Lease lease{.until = Instant(1000s)};
  EXPECT_EQ(lease_deadlines(lease, timing(30s)).kill_at, Instant(1000s) - 200ms);
}

TEST(LeaseDeadlines, stopping_gets_a_sixth_of_ttl_within_bounds) {
  const Lease lease{.until = Instant(1000s)};
  const Instant kill_at = Instant(1000s) - 200ms;
  EXPECT_EQ(lease_deadlines(lease, timing(24s)).stop_at, kill_at - 4s);
  EXPECT_EQ(lease_deadlines(lease, timing(300s)).stop_at, kill_at - 5s);
  EXPECT_EQ(lease_deadlines(lease, timing(1s)).stop_at, kill_at - 400ms);
}

TEST(LeaseDeadlines, asking_the_members_ends_before_the_stop) {
  const Lease lease{.until = Instant(1000s)};
  const auto at = lease_deadlines(lease, timing(30s));
  EXPECT_EQ(at.stop_at - at.ask_at, 4s);
}

}  // namespace
}  // namespace tanist::ha
