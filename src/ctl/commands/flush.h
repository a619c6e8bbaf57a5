#pragma once

#include <string>
#include <vector>

#include "ctl/command.h"

namespace tanist::ctl {

struct FlushCommand {
  std::string cluster;
  /// Empty: all of the role.
  std::vector<std::string> members;
  std::string role = "any";
  /// Without a question.
  bool force = false;
};

/// Takes back the restarts that are scheduled (ctl.md §5.5). Throws Failure and Aborted.
Ending run_flush_restart(const FlushCommand& command, ClusterStore& store, MemberApi& api,
                         const Terminal& terminal);

/// Takes back the switchover that is scheduled: by a member, or in the store where none can be reached.
/// Throws Failure.
Ending run_flush_switchover(const std::string& cluster, ClusterStore& store, MemberApi& api,
                            const Terminal& terminal);

Command flush_command();

}  // namespace tanist::ctl
