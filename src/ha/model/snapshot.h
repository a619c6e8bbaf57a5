#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "config/settings.h"
#include "core/time.h"
#include "dcs/model.h"
#include "ha/model/decision.h"
#include "ha/model/guardian_state.h"
#include "ha/model/tallies.h"
#include "ha/model/watchdog_state.h"
#include "postgres/types.h"

namespace tanist::ha {

/// How long cycles took, counted by class. Of the whole life of the daemon.
struct CycleTimes {
  /// The upper bounds; what took longer is counted last.
  static constexpr std::array<Duration, 8> kBounds = {
      std::chrono::milliseconds(1),   std::chrono::milliseconds(5),   std::chrono::milliseconds(25),
      std::chrono::milliseconds(100), std::chrono::milliseconds(500), std::chrono::milliseconds(2000),
      std::chrono::seconds(5),        std::chrono::seconds(10)};
  std::array<std::uint64_t, kBounds.size() + 1> counts{};
  Duration sum{};

  void add(Duration took) {
    std::size_t i = 0;
    while (i < kBounds.size() && took > kBounds[i]) ++i;
    ++counts[i];
    sum += took;
  }
};

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
  /// Failsafe mode is active until then: this member leads on by what others have promised, or has promised
  /// another to let it. 0: it is not.
  Instant failsafe_until{};
  bool paused = false;
  /// Own WAL is known to have left the leader's: no rival in a race, no candidate for a hand-over.
  bool diverged = false;
  /// Which of all timelines of its number it is on; empty: not known.
  std::string branch;
  /// It replays late on purpose, and leads only when it is told to.
  bool delayed = false;
  /// The store's view, and whether it is current; nullptr: none.
  dcs::ClusterPtr cluster;
  bool store_ok = false;
  /// Unix seconds of the last successful read of the store; 0: never.
  std::int64_t dcs_last_seen = 0;
  Instant cluster_read_at{};
  /// The copy of the store that its watch keeps current, as it was at `published_at`, also between cycles;
  /// nullptr: there is none that may be relied on.
  dcs::ClusterPtr watched;
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
  /// False: the fence is required and cannot be used.
  bool fence_usable = true;
  GuardianState guardian;
  WatchdogState watchdog;
  Reason last_reason;
  Instant last_decision_at{};
  /// The last decision, with all that it was made on; nullptr: none yet.
  DecidedPtr decided;
  CycleTimes cycles;
  Tallies tallies;
};

using SnapshotPtr = std::shared_ptr<const Snapshot>;

}  // namespace tanist::ha
