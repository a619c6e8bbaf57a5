#pragma once

#include <expected>
#include <functional>
#include <optional>
#include <string>

#include "async/event.h"
#include "async/task_scope.h"
#include "ha/engine/settings_in_force.h"
#include "ha/model/orders.h"
#include "ha/ports.h"

namespace tanist::ha {

/// The scheduled restart on disk: the next daemon goes on with it. It is there before the restart counts as
/// scheduled, and until nobody has anything to do for it any more; what a disk did not do in time is done
/// with a later cycle.
class ScheduleNote {
 public:
  ScheduleNote(Ports ports, TaskScope& scope, const SettingsInForce& settings);

  /// Reads what an earlier daemon has left, for as long as that takes, beside all else; `found` is told of a
  /// restart that is still wanted. One that cannot be made out is told in the log, and gone.
  void take_over(std::function<void(ScheduledRestart)> found);
  /// Whether there is one is known by now, or soon; false: the disk does not tell.
  Task<bool> known();

  /// Each with the error that says why not; nothing is changed then, in the end.
  Task<std::expected<void, std::string>> keep(ScheduledRestart planned);
  Task<std::expected<void, std::string>> drop();

  /// While no operation runs: what is on disk is to be what is planned.
  void settle(bool planned);

 private:
  std::string path() const { return settings_->state_dir + "/scheduled_restart"; }
  Task<void> read_on(std::function<void(ScheduledRestart)> found);
  /// Brings `wanted_` to the disk.
  Task<std::expected<void, std::string>> bring();
  Task<std::expected<void, std::string>> bring_at_once(std::optional<std::string> wanted);
  Task<void> bring_beside();

  Ports ports_;
  TaskScope& scope_;
  const SettingsInForce& settings_;
  Event read_;
  /// What is to be in the file; nullopt: there is to be none.
  std::optional<std::string> wanted_;
  /// The file is not known to be so.
  bool unsettled_ = false;
  /// One is being written or removed for somebody who waits for it.
  bool in_hand_ = false;
  /// Cleared while that is put right beside the cycle.
  Event settled_;
};

}  // namespace tanist::ha
