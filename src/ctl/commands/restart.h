#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ctl/command.h"

namespace tanist::ctl {

struct RestartCommand {
  std::string cluster;
  /// Empty: all of the role.
  std::vector<std::string> members;
  std::string role = "any";
  /// One of them, whichever.
  bool any_one = false;
  /// When; nullopt: asked for.
  std::optional<std::string> scheduled;
  /// Only on a PostgreSQL older than this; nullopt: asked for.
  std::optional<std::string> older_than;
  /// Only members that wait for a restart.
  bool pending = false;
  /// How long a start may take, as it was typed.
  std::optional<std::string> timeout;
  /// Without a question.
  bool force = false;
};

/// Restarts PostgreSQL on members, now or later (ctl.md §5.3). Throws Failure and Aborted, the former also
/// when a member could not be reached.
Ending run_restart(const RestartCommand& command, ClusterStore& store, MemberApi& api,
                   const Terminal& terminal);

Command restart_command();

}  // namespace tanist::ctl
