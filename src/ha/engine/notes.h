#pragma once

#include <string>
#include <vector>

#include "async/task_scope.h"
#include "ha/engine/settings_in_force.h"
#include "ha/lease/keeper.h"
#include "ha/ports.h"

namespace tanist::ha {

/// What this daemon leaves on disk for the next one: until when what runs may write, and under which sessions
/// of the store its keys are. Instants and sessions count in this run of the host only.
class Notes {
 public:
  Notes(Ports ports, LeaseKeeper& keeper, TaskScope& scope, const SettingsInForce& settings)
      : ports_(ports), keeper_(keeper), scope_(scope), settings_(settings) {}

  /// Of this run of the host: CLOCK_BOOTTIME counts from its start.
  Task<void> read_boot_id();
  const std::string& boot_id() const { return boot_id_; }

  /// None: nothing was noted, or before the host was started.
  Task<Lease> read_lease();
  /// A proof came in: noted beside the cycle.
  void lease_proven();

  /// Who this member was to the store before.
  Task<void> read_sessions(dcs::Identity& identity);
  Task<void> record_session(dcs::Session session, std::string incarnation);

 private:
  std::string path(const char* name) const { return settings_->state_dir + "/" + name; }
  Instant deadline() const { return ports_.clock.now() + kDiskBudget; }
  Task<void> record_lease();

  Ports ports_;
  LeaseKeeper& keeper_;
  TaskScope& scope_;
  const SettingsInForce& settings_;
  std::string boot_id_;
  Instant lease_recorded_{};
  bool recording_lease_ = false;
  /// Of this daemon and its predecessors on this data directory, newest first.
  std::vector<dcs::Session> sessions_;
};

}  // namespace tanist::ha
