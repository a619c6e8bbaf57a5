#pragma once

#include <map>
#include <optional>
#include <string>

#include "core/lsn.h"
#include "core/task_scope.h"
#include "process/child.h"

namespace tanist::postgres {

/// Runs callbacks (postgres.md §10), one at a time and one on_reload at a time: a new one ends the one that
/// runs. They survive the daemon.
class Callbacks {
 public:
  /// `scope` owns the waiting; closing it leaves a running callback alone.
  explicit Callbacks(TaskScope& scope) : scope_(scope) {}

  struct Call {
    /// Split like a shell does; action, role and scope are its last arguments.
    std::string command;
    std::string action;
    std::string role;
    std::string scope;
    /// In the environment only, with the above: TANIST_ACTION, _ROLE, _SCOPE, _NAME, _TIMELINE and _LEADER;
    /// what is not known is empty.
    std::string name;
    Timeline timeline;
    std::string leader;
  };
  void run(Call call);

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
