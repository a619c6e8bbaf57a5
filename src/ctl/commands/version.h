#pragma once

#include <string>
#include <vector>

#include "ctl/command.h"

namespace tanist::ctl {

struct VersionCommand {
  /// Empty: of the tool alone.
  std::string cluster;
  /// Empty: of all.
  std::vector<std::string> members;
};

/// `<program> version <v>`, and what the members of a cluster run (ctl.md §9). `open` gives the store where
/// it is needed. Throws Failure.
Ending run_version(const VersionCommand& command, const std::string& program,
                   const std::function<std::unique_ptr<ClusterStore>()>& open_store,
                   const std::function<std::unique_ptr<MemberApi>()>& open_api, const Terminal& terminal);

Command version_command();

}  // namespace tanist::ctl
