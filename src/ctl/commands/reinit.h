#pragma once

#include <string>
#include <vector>

#include "ctl/command.h"

namespace tanist::ctl {

struct ReinitCommand {
  std::string cluster;
  /// Empty: one is asked for.
  std::vector<std::string> members;
  /// Without a question; what the member is busy with is cancelled.
  bool force = false;
  /// Copied from the leader, whatever else could be copied from.
  bool from_leader = false;
  /// Until the copies are there.
  bool wait = false;
};

/// Has replicas throw away their data and copy it anew (ctl.md §5.4). Throws Failure and Aborted, the former
/// also when a member could not be reached.
Ending run_reinit(const ReinitCommand& command, ClusterStore& store, MemberApi& api,
                  const Terminal& terminal);

Command reinit_command();

}  // namespace tanist::ctl
