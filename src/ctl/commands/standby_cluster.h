#pragma once

#include <optional>
#include <string>

#include "ctl/command.h"

namespace tanist::ctl {

struct StandbyClusterCommand {
  std::string cluster;
  /// True: it is to follow another cluster; false: to be one of its own again.
  bool demote = true;
  /// What it follows, of `standby_cluster`.
  std::optional<std::string> host;
  std::optional<std::int64_t> port;
  std::optional<std::string> restore_command;
  std::optional<std::string> primary_slot_name;
  bool force = false;
  /// How long the end is waited for; nullopt: as long as it takes.
  std::optional<Duration> timeout;
};

/// Makes a cluster follow another one, or ends that, and waits until its leader does (ctl.md §11). Throws
/// Failure.
Ending run_standby_cluster(const StandbyClusterCommand& command, ClusterStore& store, MemberApi& api,
                           const Terminal& terminal);

Command demote_cluster_command();
Command promote_cluster_command();

}  // namespace tanist::ctl
