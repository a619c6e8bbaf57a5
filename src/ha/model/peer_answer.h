#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/fields.h"
#include "core/history.h"
#include "core/lsn.h"
#include "core/time.h"

namespace tanist::ha {

/// What a peer answered to GET /patroni (ha.md §6.2.5).
struct PeerAnswer {
  /// It told a WAL position, or that it is a primary.
  bool reachable = false;
  /// It answers, but its PostgreSQL tells no position (yet).
  bool starting = false;
  std::string error;
  /// Not in recovery: a live primary.
  bool primary = false;
  Lsn position;  // max(received, replayed); 0 for a primary
  Lsn replayed;
  Timeline timeline;
  /// The last switches by which its WAL came to that timeline; nullopt: not told (only Tanist tells).
  std::optional<std::vector<HistoryLine>> way;
  /// It knows that its WAL has left the leader's (only Tanist tells).
  bool diverged = false;
  bool nofailover = false;
  int failover_priority = 1;
  bool watchdog_failed = false;
  /// When its PostgreSQL was last told to stop as a primary, and when it was last seen to become one, by the
  /// clock of who asked; nullopt: not lately.
  std::optional<Instant> writes_ended;
  std::optional<Instant> writes_began;

  TANIST_FIELDS(reachable, starting, error, primary, position, replayed, timeline, way, diverged, nofailover,
                failover_priority, watchdog_failed, writes_ended, writes_began);
};

}  // namespace tanist::ha
