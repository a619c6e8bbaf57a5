#pragma once

#include <string>

#include "core/time.h"
#include "ha/model/snapshot.h"

/// What a snapshot says of the member at the moment an answer is given. Pure.
namespace tanist::api {

/// How often the monitor looks at PostgreSQL at least, and so how often a snapshot is published.
inline constexpr Duration kMonitorPeriod = std::chrono::seconds(1);

struct MemberStatus {
  const ha::Snapshot* snapshot = nullptr;
  /// Control has published nothing for longer than it can be busy, or a lease ended that it has not spoken
  /// about since. Nothing in such a snapshot may be taken for "writable" or "leader".
  bool stale = false;
  /// Held now, by the clock of the answer.
  bool lease_held = false;
  /// The view of the store while it may be relied on: read within `ttl`, the last read did not fail, not
  /// empty. nullptr: no view.
  const dcs::Cluster* view = nullptr;
  /// The answer of PostgreSQL that stands behind the full form; nullptr: basic form.
  const postgres::Probe* probe = nullptr;
  /// State as shown: `unknown` when PostgreSQL should be running and does not answer.
  std::string state;
  std::string role;
  /// `streaming`, `in archive recovery` or empty.
  std::string replication_state;
  /// Failsafe mode is active: this member leads on without the store, or has promised another to let it.
  bool failsafe = false;
  bool standby_cluster = false;
  bool sync_standby = false;
  bool quorum_standby = false;
};

/// The snapshot must outlive the result and must have settings.
MemberStatus member_status(const ha::Snapshot& snapshot, Instant now);

}  // namespace tanist::api
