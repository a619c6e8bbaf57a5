#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "async/clock.h"
#include "async/event.h"
#include "async/task_scope.h"
#include "core/lsn.h"
#include "process/child.h"

namespace tanist::postgres {

/// Runs callbacks (postgres.md §10), one at a time and one on_reload at a time: a new one ends the one that
/// runs. They survive the daemon.
class Callbacks {
 public:
  /// `scope` owns the waiting; closing it leaves a running callback alone.
  Callbacks(Clock& clock, TaskScope& scope) : clock_(clock), scope_(scope) {}

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
  /// Waits until those that were asked for have begun.
  Task<void> wait_begun(Instant deadline);

 private:
  struct Running {
    explicit Running(std::string w) : what(std::move(w)) {}
    std::string what;
    /// Not there yet: it is being started.
    std::optional<process::Child> child;
    /// Another one took its place before it had begun.
    bool replaced = false;
    bool over = false;
  };
  static void end(Running& running);
  Task<void> start(std::shared_ptr<Running> running, process::Command command, std::string action);
  static void take_child(Running& running, const std::string& action,
                         std::expected<process::Child, std::string> child);

  Clock& clock_;
  TaskScope& scope_;
  bool closed_ = false;
  int beginning_ = 0;
  Event begun_;
  /// By slot: on_reload, and all others.
  std::map<bool, std::shared_ptr<Running>> running_;
};

}  // namespace tanist::postgres
