#pragma once

#include <optional>
#include <string>

#include "postgres/parameters/changes.h"
#include "postgres/server.h"

namespace tanist::postgres {

struct Context;
class Configuration;
class Monitor;
class Postmaster;
class Programs;
class Scripts;
class WorkConnection;

/// New settings for a server that runs: its files are written anew, it reads them, and what changed is told.
/// Keeps nothing itself. On the control thread.
class Apply {
 public:
  Apply(Context& context, Programs& programs, Postmaster& postmaster, Configuration& configuration,
        Monitor& monitor, WorkConnection& work, Scripts& scripts);

  /// `force`: it reloads in any case.
  Task<Result> apply(config::SettingsPtr settings, Role role, bool force, Instant deadline);
  Task<Result> follow_by_reload(std::optional<Upstream> upstream, Role role, Instant deadline);
  /// See Server::set_standby_names().
  Task<Result> set_standby_names(std::optional<std::string> names, Role role, Instant deadline);
  /// See Server::set_standby_slots().
  Task<Result> set_standby_slots(std::optional<std::string> slots, Role role, Instant deadline);
  /// The running server reads its files. With `callback`: on_reload is run.
  Task<Result> reload(Role role, bool callback, Instant deadline);

 private:
  Task<Result> apply_to_running(Role role, bool force, Instant deadline);
  Task<Result> wait_names_read(Instant deadline);
  Task<void> release_waiting_commits(Instant deadline);
  Task<void> load_adopted_parameters(Instant deadline);
  /// A list of rules with one bad line is refused as a whole, and only the server's log says so.
  Task<void> tell_refused_lines(Instant deadline);
  /// `wanted` outlives the call: it is the caller's own, who awaits it.
  Task<ParameterChanges> compare_with_running(Parameters& wanted, Instant deadline);

  Context& context_;
  Programs& programs_;
  Postmaster& postmaster_;
  Configuration& configuration_;
  Monitor& monitor_;
  WorkConnection& work_;
  Scripts& scripts_;
  /// There were no standby names before, and the checkpointer may not know of any yet.
  bool names_unread_ = false;
};

}  // namespace tanist::postgres
