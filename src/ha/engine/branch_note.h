#pragma once

#include <optional>
#include <string>

#include "async/event.h"
#include "async/task_scope.h"
#include "ha/engine/settings_in_force.h"
#include "ha/model/branch.h"
#include "ha/ports.h"

namespace tanist::ha {

/// Which of all timelines of its number the own one is, on disk: it outlives the daemon, as the WAL does.
/// What cannot be read, or is of other files, is not known; then timelines are compared by number and way
/// alone.
class BranchNote {
 public:
  BranchNote(Ports ports, TaskScope& scope, const SettingsInForce& settings)
      : ports_(ports), scope_(scope), settings_(settings) {
    kept_.set();
  }

  /// What an earlier daemon has left is read, beside whatever else is done.
  void begin();
  /// What is seen now; keeps what follows from it, beside the cycle.
  void see(const View& view);
  BranchKnown known() const;
  /// Of the timeline that this member is on.
  std::string of(Timeline timeline) const;
  /// The server will be told to promote itself: the timeline that it begins is `next`. A note that cannot be
  /// written keeps nobody from leading: it is needed only if this daemon dies before it has written another.
  Task<void> promoting(Timeline from, std::string next);
  void not_promoted();
  /// The data will be replaced. False: what is on disk would speak of the new data.
  Task<bool> forget();

 private:
  std::string path() const { return settings_->state_dir + "/branch"; }
  bool verified() const { return identified_ == postmaster() && !place_.empty(); }
  int postmaster() const;
  bool is_stored() const;
  void keep_up();
  Task<void> read();
  Task<void> identify(int postmaster);
  Task<void> keep();
  Task<bool> store();
  Task<bool> stored_by(Instant deadline);

  Ports ports_;
  TaskScope& scope_;
  const SettingsInForce& settings_;
  BranchNoted note_;
  /// What is on disk; nullopt: not known.
  std::optional<BranchNoted> stored_;
  /// What an earlier daemon has left is known, or does not count any more.
  bool read_ = false;
  bool keeping_ = false;
  Event kept_;
  Instant keep_again_{};
  /// The files that this postmaster runs on, or that are there while none does (0).
  std::string place_;
  std::optional<int> identified_;
  bool identifying_ = false;
  Instant identify_again_{};
};

}  // namespace tanist::ha
