#pragma once

#include <string>

#include "postgres/local/callbacks.h"
#include "postgres/server.h"

namespace tanist::postgres {

struct Context;
class Programs;

/// Scripts of the user around what is done to the server: pre_promote, before_stop, callbacks. On the control
/// thread.
class Scripts {
 public:
  Scripts(Context& context, Programs& programs);

  /// ok when none is configured.
  Task<Result> run_pre_promote(Instant deadline);
  /// Its exit code is only logged. One that does not end is given up: it is ended beside the stop, which goes
  /// on.
  Task<void> run_before_stop(Instant deadline);
  /// Fire and forget (postgres.md §10).
  void run_callback(std::string action, Role role);
  /// Who holds the leader key: callbacks are told.
  void note_leader(const std::string& name) { leader_ = name; }
  /// From now on callbacks are run, but nobody waits for them; returns when those that were asked for have
  /// begun.
  Task<void> close(Instant deadline);

 private:
  Task<void> log_script(std::string what, std::string command, Instant deadline);

  Context& context_;
  Programs& programs_;
  Callbacks callbacks_;
  std::string leader_;
};

}  // namespace tanist::postgres
