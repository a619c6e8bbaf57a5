#pragma once

#include <optional>
#include <string>

#include "async/task_scope.h"
#include "ha/engine/notes.h"
#include "ha/engine/settings_in_force.h"
#include "ha/ports.h"

namespace tanist::ha {

/// A postmaster that was told to promote itself: nothing takes that back, and until it is over it looks like
/// a standby. Noted on disk, since it outlives the daemon that told it.
class PendingPromotion {
 public:
  PendingPromotion(Ports ports, TaskScope& scope, const SettingsInForce& settings, const Notes& notes)
      : ports_(ports), scope_(scope), settings_(settings), notes_(notes) {}

  /// The server that runs is such a one.
  bool goes_on() const;
  Task<void> begin();
  /// It was certainly not told, or it is over.
  void forget();
  /// Forgets one that is over: the server is a primary now, or another one, or none.
  void settle();
  /// What an earlier daemon left running was found. Until its note is read, that may have been told.
  void found();
  /// The note of an earlier daemon counts for the postmaster that it named; one that cannot be read, for the
  /// postmaster that was found.
  Task<void> read_note();

 private:
  std::string note_path() const { return settings_->state_dir + "/promoting"; }
  Task<void> remove_note();

  Ports ports_;
  TaskScope& scope_;
  const SettingsInForce& settings_;
  const Notes& notes_;
  std::optional<int> pid_;
  /// It is known whether an earlier daemon told the server that was found.
  bool known_ = false;
  bool noted_ = false;
};

}  // namespace tanist::ha
