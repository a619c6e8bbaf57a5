#include "ha/model/lease.h"

#include <gtest/gtest.h>

namespace tanist::ha {
namespace {

using namespace std::chrono_literals;

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

TEST(Lease, has_the_length_that_was_proven) {
  EXPECT_EQ(lease_from(Instant(100s), 15s).length(), 14985ms);
}

TEST(LeaseDeadlines, come_in_their_order) {
  for (const Duration length : {20s, 30s, 300s}) {
    const auto at = lease_deadlines(lease_from(Instant(1000s), length));
    EXPECT_LT(at.ask_at, at.stop_at);
    EXPECT_LT(at.stop_at, at.kill_at);
    EXPECT_LT(at.kill_at, at.until);
  }
}

TEST(LeaseDeadlines, kill_leaves_the_kernel_time_to_take_processes_away) {
  const Lease lease = lease_from(Instant(1000s), 30s);
  EXPECT_EQ(lease_deadlines(lease).kill_at, lease.until - 200ms);
}

TEST(LeaseDeadlines, stopping_gets_a_sixth_of_the_lease_within_bounds) {
  const auto stop_takes = [](Duration length) {
    const Lease lease{.until = Instant(1000s) + length, .proven_at = Instant(1000s)};
    const auto at = lease_deadlines(lease);
    return at.kill_at - at.stop_at;
  };
  EXPECT_EQ(stop_takes(24s), 4s);
  EXPECT_EQ(stop_takes(300s), 5s);
  EXPECT_EQ(stop_takes(1s), 400ms);
}

TEST(LeaseDeadlines, of_a_lease_that_was_noted_without_its_length_leave_the_longest_time_to_stop) {
  const Lease lease{.until = Instant(1000s)};
  EXPECT_EQ(lease_deadlines(lease).stop_at, lease.until - 200ms - 5s);
}

TEST(LeaseDeadlines, asking_the_members_ends_before_the_stop) {
  const auto at = lease_deadlines(lease_from(Instant(1000s), 30s));
  EXPECT_EQ(at.stop_at - at.ask_at, 4s);
}

/// Consul holds a session for half of ttl, a store of tests for two seconds, and `loop_wait` knows of
/// neither.
TEST(RenewalRhythm, two_renewals_with_all_the_time_they_may_take_fit_before_the_stop) {
  for (const Duration valid_for : {2s, 5s, 10s, 15s, 20s, 30s, 60s, 300s, 3600s}) {
    for (const Duration loop_wait : {1s, 10s, 30s, 300s}) {
      for (const Duration retry_timeout : {3s, 10s, 100s}) {
        const Lease lease = lease_from(Instant(1000s), valid_for);
        const auto rhythm = renewal_rhythm(lease.length(), loop_wait, retry_timeout);
        const Instant first = lease.proven_at + rhythm.every;
        const Instant second = first + std::max(rhythm.budget, rhythm.after_failure);
        EXPECT_LE(second + rhythm.budget, lease_deadlines(lease).stop_at)
            << seconds(valid_for) << " " << seconds(loop_wait) << " " << seconds(retry_timeout);
        EXPECT_GT(rhythm.budget, Duration::zero());
      }
    }
  }
}

TEST(RenewalRhythm, of_the_usual_lease_is_loop_wait) {
  const auto rhythm = renewal_rhythm(29970ms, 9s, 10s);
  EXPECT_EQ(rhythm.every, 9s);
  EXPECT_EQ(rhythm.budget, 5s);
  EXPECT_EQ(rhythm.after_failure, 500ms);
}

}  // namespace
}  // namespace tanist::ha
