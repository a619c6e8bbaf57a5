#include "ha/lease.h"

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

}  // namespace

Lease lease_from(Instant sent_at, Duration valid_for) {
  return {.until = sent_at + (valid_for - valid_for / 1000), .proven_at = sent_at};
}

LeaseDeadlines lease_deadlines(const Lease& lease, const config::Timing& timing) {
  LeaseDeadlines at;
  at.until = lease.until;
  at.kill_at = at.until - kKillMargin;
  at.stop_at = at.kill_at - std::clamp<Duration>(timing.ttl / 6, kShortestStop, kLongestStop);
  at.ask_at = at.stop_at - kFailsafeBudget;
  return at;
}

}  // namespace tanist::ha
