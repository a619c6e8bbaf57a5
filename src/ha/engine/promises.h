#pragma once

#include <expected>
#include <optional>
#include <string>

#include "dcs/model.h"
#include "ha/engine/notes.h"
#include "ha/engine/settings_in_force.h"
#include "ha/model/failsafe.h"
#include "ha/ports.h"

namespace tanist::ha {

/// What this member has promised to a primary without a store (engine.md §6). It is kept on disk before it is
/// given, and holds longer rather than shorter: over a restart of the daemon as it was, over one of the host
/// in full once more.
class Promises {
 public:
  Promises(Ports ports, const Notes& notes, const SettingsInForce& settings)
      : ports_(ports), notes_(notes), settings_(settings) {}

  /// What an earlier daemon has promised. Before anything may be taken.
  Task<void> read();
  /// Holds from now on, before it is on disk; the error says why it could not be put there: no answer then.
  Task<std::expected<void, std::string>> give(FailsafeQuestion question);
  /// nullopt: none that still holds.
  std::optional<Promise> held() const;
  /// How far the primary was that asked last, also after that; 0: none has told.
  Lsn told_by(const std::string& leader) const;
  /// The store names a leader, whose /status tells how far it is: what was told before is of another
  /// leadership, which may have lost what it had.
  void leader_is_seen();

 private:
  std::string path() const { return settings_->state_dir + "/promise.json"; }
  Duration length_of(const FailsafeQuestion& question) const;

  Ports ports_;
  const Notes& notes_;
  const SettingsInForce& settings_;
  std::optional<Promise> promise_;
};

/// The cluster as a member sees it that has promised: where the key names nobody, the primary that asked
/// leads (ha.md §12.4), and its slots are where it said. The same one where there is nothing to add.
dcs::ClusterPtr with_promise(dcs::ClusterPtr cluster, const Promise& promise, bool store_ok);

/// The same where the last leader has told that it was further than /status says.
dcs::ClusterPtr with_position(dcs::ClusterPtr cluster, Lsn position);

}  // namespace tanist::ha
