#pragma once

#include "config/settings.h"
#include "core/time.h"

namespace tanist::ha {

/// Until when the leader key is certainly mine. `until` zero (the epoch of the boot clock): no lease.
struct Lease {
  Instant until{};
  /// When the request that proved it was sent.
  Instant proven_at{};
  bool held(Instant now) const { return now < until; }
  bool operator==(const Lease&) const = default;
};

/// The four instants of a lease (docs/safety.md): what happens there if no new proof has come.
struct LeaseDeadlines {
  /// Failsafe mode: the members are asked, no later than here.
  Instant ask_at;
  /// Fast stop begins.
  Instant stop_at;
  /// Everything that can still commit is killed.
  Instant kill_at;
  /// The store may give the lock to another.
  Instant until;
};

/// The lease that a proof gives: `sent_at + valid_for * (1 - 1/1000)`, for clocks that differ by 0.1 %.
Lease lease_from(Instant sent_at, Duration valid_for);

/// kill_at = until - 0.2 s; stop_at = kill_at - clamp(ttl/6, 0.4 s, 5 s); ask_at = stop_at - the failsafe
/// budget (a poll of 2 s with one retry).
LeaseDeadlines lease_deadlines(const Lease& lease, const config::Timing& timing);

}  // namespace tanist::ha
