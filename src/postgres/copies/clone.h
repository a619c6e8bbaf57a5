#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <optional>

#include "async/task_scope.h"
#include "postgres/files/clone_place.h"
#include "postgres/server.h"

namespace tanist::postgres {

struct Context;
class ControlFile;
class Directory;
class LeftWork;

/// A replica is there: configuration files, trigger file, control file.
Task<void> welcome_clone(Context& context, Directory& directory, ControlFile& control_file, Instant deadline);

/// The data directory around an attempt to make a replica, and its end: one that failed or was cancelled
/// leaves no directory that looks whole. What is run in between: replica_methods.h. On the control thread,
/// one attempt at a time.
class Clone {
 public:
  Clone(Context& context, Directory& directory, LeftWork& left_work)
      : context_(context), directory_(directory), left_work_(left_work) {}

  /// Builds in the place that it is told.
  using Body = std::function<Task<Result>(ClonePlace)>;
  /// Runs `body`. A whole clone takes its place; what else is there goes, unless it is kept. The outer
  /// failure: it was not begun.
  Task<std::expected<Result, Failure>> make(ClonePlan plan, Body body, Instant deadline);

 private:
  struct Attempt {
    /// Once it is prepared.
    std::optional<ClonePlace> place;
    bool keep_data = false;
    std::uint64_t number = 0;
    TaskHandle noting;
    bool whole = false;
  };
  Task<std::expected<ClonePlace, Failure>> prepare(ClonePlan plan, Instant deadline);
  /// The attempt is the caller's own, who awaits both.
  Task<std::expected<Result, Failure>> build(Attempt& attempt, ClonePlan plan, Body body, Instant deadline);
  /// One that failed, or was cancelled, leaves nothing that looks whole.
  Task<void> settle(Attempt& attempt);
  /// While a tool works in the data directory itself: so that a later daemon can tell what it has made from
  /// what somebody restores after it.
  Task<void> note_what_is_made();
  /// Without a place: of the one that the mark names.
  Task<void> end_attempt(std::optional<ClonePlace> place, std::uint64_t number);

  Context& context_;
  Directory& directory_;
  LeftWork& left_work_;
  std::uint64_t attempts_ = 0;
};

}  // namespace tanist::postgres
