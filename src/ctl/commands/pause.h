#pragma once

#include <string>

#include "ctl/command.h"

namespace tanist::ctl {

struct PauseCommand {
  std::string cluster;
  /// False: resume.
  bool paused = true;
  /// Until all members say so.
  bool wait = false;
  /// Of the tool's own configuration: stands in where the cluster's has none.
  Document local = Document::map();
};

/// Switches the management of a cluster off or on (ctl.md §6). Throws Failure.
Ending run_pause(const PauseCommand& command, ClusterStore& store, MemberApi& api, const Terminal& terminal);

Command pause_command();
Command resume_command();

}  // namespace tanist::ctl
