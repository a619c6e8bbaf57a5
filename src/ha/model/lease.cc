#include "ha/model/lease.h"

#include <algorithm>

namespace tanist::ha {
namespace {

using namespace std::chrono_literals;

/// Between the kill and the moment another may lead: the kernel's time to take processes away.
constexpr Duration kKillMargin = 200ms;
constexpr Duration kShortestStop = 400ms;
constexpr Duration kLongestStop = 5s;
/// One poll of all members with one retry.
constexpr Duration kFailsafeBudget = 4s;
constexpr Duration kRetryPause = 500ms;
constexpr Duration kShortestRenewal = 1s;

/// From the proof to the moment when a fast stop begins.
Duration until_stop(Duration length) {
  return length - kKillMargin - std::clamp<Duration>(length / 6, kShortestStop, kLongestStop);
}

}  // namespace

Lease lease_from(Instant sent_at, Duration valid_for) {
  return {.until = sent_at + (valid_for - valid_for / 1000), .proven_at = sent_at};
}

LeaseDeadlines lease_deadlines(const Lease& lease) {
  LeaseDeadlines at;
  at.until = lease.until;
  at.kill_at = at.until - kKillMargin;
  at.stop_at = lease.proven_at + until_stop(lease.length());
  at.ask_at = at.stop_at - std::min(kFailsafeBudget, lease.length() / 2);
  return at;
}

RenewalRhythm renewal_rhythm(Duration length, Duration loop_wait, Duration retry_timeout) {
  RenewalRhythm rhythm;
  rhythm.every = std::min(loop_wait, length / 3);
  rhythm.after_failure = std::min<Duration>(kRetryPause, length / 12);
  const Duration two_fit = std::max(Duration::zero(), (until_stop(length) - length / 3) / 2);
  rhythm.budget = std::min(std::max(retry_timeout / 2, kShortestRenewal), two_fit);
  return rhythm;
}

}  // namespace tanist::ha
