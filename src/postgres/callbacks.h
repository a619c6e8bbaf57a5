#pragma once

#include <map>
#include <optional>
#include <string>

#include "core/task_scope.h"
#include "process/child.h"

namespace tanist::postgres {

/// Runs callbacks (postgres.md §10), one at a time and one on_reload at a time: a new one ends the one that
/// runs. They survive the daemon.
class Callbacks {
 public:
  /// `scope` owns the waiting; closing it leaves a running callback alone.
  explicit Callbacks(TaskScope& scope) : scope_(scope) {}

  /// `command` is split like a shell does; action, role and scope name are its last arguments.
  void run(std::string command, std::string action, std::string role, std::string cluster);

  /// From now on callbacks are run, but nobody waits for them.
  void close() { closed_ = true; }

 private:
  struct Running {
    process::Child child;
    std::string what;
  };
  Task<void> wait(std::shared_ptr<Running> running);

  TaskScope& scope_;
  bool closed_ = false;
  /// By slot: on_reload, and all others.
  std::map<bool, std::shared_ptr<Running>> running_;
};

}  // namespace tanist::postgres
