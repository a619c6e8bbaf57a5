#pragma once

#include <cstdint>
#include <string>

#include "ha/engine/settings_in_force.h"
#include "ha/lease/keeper.h"
#include "ha/model/view.h"
#include "ha/ports.h"

namespace tanist::ha {

/// The store as it was last read, and what is not known of it.
class StoreReading {
 public:
  StoreReading(Ports ports, LeaseKeeper& keeper, const SettingsInForce& settings)
      : ports_(ports), keeper_(keeper), settings_(settings) {}

  /// nullptr: it was never read.
  const dcs::ClusterPtr& cluster() const { return seen_.cluster; }
  bool ok() const { return seen_.ok; }
  const StoreView& view() const { return seen_; }
  /// Unix seconds of the last successful read; 0: none.
  std::int64_t last_seen() const { return last_seen_; }
  Lock lock() const { return seen_.cluster ? lock_of(*seen_.cluster) : Lock::free; }
  Lock lock_of(const dcs::Cluster& cluster) const;

  /// The view that the start has read.
  void begin(dcs::ClusterPtr cluster) { seen_.cluster = std::move(cluster); }
  /// What is known may be out of date: the next cycle reads linearizably.
  void want_fresh() { fresh_wanted_ = true; }
  /// A write of the leader key has an unknown outcome until a linearizable read tells whose it is.
  void lock_is_unknown() { seen_.lock_unknown = true; }

  /// Whether the new cycle is to begin with a linearizable read.
  bool begin_cycle();
  /// This cycle has read linearizably: its further rounds use that view.
  bool fresh() const { return fresh_; }
  Task<void> read(bool linearizable);

 private:
  Instant now() const { return ports_.clock.now(); }
  Instant deadline() const { return now() + settings_.timing().retry_timeout; }

  Ports ports_;
  LeaseKeeper& keeper_;
  const SettingsInForce& settings_;
  StoreView seen_;
  std::int64_t last_seen_ = 0;
  bool fresh_wanted_ = true;
  bool fresh_ = false;
  Instant session_kept_at_{};
};

}  // namespace tanist::ha
