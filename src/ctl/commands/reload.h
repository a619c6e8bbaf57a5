#pragma once

#include <string>
#include <vector>

#include "ctl/command.h"

namespace tanist::ctl {

struct ReloadCommand {
  std::string cluster;
  /// Empty: all of the role.
  std::vector<std::string> members;
  std::string role = "any";
  /// Without a question.
  bool force = false;
  /// Of the tool's own configuration: stands in where the cluster's has none.
  Document local = Document::map();
};

/// Has members read their configuration again (ctl.md §5.2). Throws Failure, also when a member could not be
/// reached.
Ending run_reload(const ReloadCommand& command, ClusterStore& store, MemberApi& api,
                  const Terminal& terminal);

Command reload_command();

}  // namespace tanist::ctl
