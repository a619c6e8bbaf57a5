#pragma once

#include <memory>
#include <optional>
#include <string>

#include "config/settings.h"
#include "core/time.h"
#include "dcs/model.h"
#include "ha/model/decision.h"
#include "postgres/types.h"

namespace tanist::ha {

/// What others see of this member: published by the control thread on every change, read by the api thread.
/// Immutable. Whoever answers from it compares `lease_until` and `published_at` with the clock then.
struct Snapshot {
  Instant published_at{};
  config::SettingsPtr settings;
  postgres::State state = postgres::State::stopped;
  postgres::Role role = postgres::Role::uninitialized;
  postgres::Facts facts;
  /// 0: no lease.
  Instant lease_until{};
  bool paused = false;
  /// Own WAL is known to have left the leader's: no rival in a race, no candidate for a hand-over.
  bool diverged = false;
  /// The store's view, and whether it is current; nullptr: none.
  dcs::ClusterPtr cluster;
  bool store_ok = false;
  /// Unix seconds of the last successful read of the store; 0: never.
  std::int64_t dcs_last_seen = 0;
  Instant cluster_read_at{};
  /// Planned start of the next cycle.
  Instant next_run{};
  std::optional<OperationView> operation;
  std::optional<postgres::Progress> progress;
  /// Memory::rejoin_error
  std::string rejoin_error;
  /// ScheduledRestart::shown; nullopt: none.
  std::optional<Document> scheduled_restart;
  /// When PostgreSQL was last told to stop as a primary, and when it was last seen to become one.
  std::optional<Instant> writes_ended;
  std::optional<Instant> writes_began;
  Reason last_reason;
  Instant last_decision_at{};
};

using SnapshotPtr = std::shared_ptr<const Snapshot>;

}  // namespace tanist::ha
