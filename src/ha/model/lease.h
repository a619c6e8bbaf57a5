#pragma once

#include "core/fields.h"
#include "core/time.h"

namespace tanist::ha {

/// Until when the leader key is certainly mine. `until` zero (the epoch of the boot clock): no lease.
struct Lease {
  Instant until{};
  /// When the request that proved it was sent.
  Instant proven_at{};
  /// Not the store has proven it: all who could take the key have promised not to (ha.md §12). The key itself
  /// may be gone.
  bool promised = false;
  bool held(Instant now) const { return now < until; }
  /// From the request that proved it to its end: what margins and the rhythm of renewals are made from. A
  /// store may hold a lease for less than `ttl` (Consul: half of it), so nothing here looks at that setting.
  Duration length() const { return until - proven_at; }
  bool operator==(const Lease&) const = default;

  TANIST_FIELDS(until, proven_at, promised);
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

/// kill_at = until - 0.2 s; stop_at = kill_at - clamp(length/6, 0.4 s, 5 s); ask_at = stop_at - the failsafe
/// budget (a poll of 2 s with one retry; at most half of a short lease).
LeaseDeadlines lease_deadlines(const Lease& lease);

/// How a lease of some length is renewed: two renewals, each with all the time it may take, fit before
/// stop_at.
struct RenewalRhythm {
  /// From one renewal to the next, as long as they succeed.
  Duration every;
  /// What one may take.
  Duration budget;
  /// From a failed one to the next, at least.
  Duration after_failure;
};
RenewalRhythm renewal_rhythm(Duration length, Duration loop_wait, Duration retry_timeout);

}  // namespace tanist::ha
