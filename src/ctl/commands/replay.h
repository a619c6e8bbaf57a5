#pragma once

#include <string>
#include <vector>

#include "ctl/command.h"

namespace tanist::ctl {

struct ReplayCommand {
  /// `-`: the standard input.
  std::string file;
  /// `KEY=VALUE`, each.
  std::vector<std::string> with;
  /// Those that are the same, too.
  bool all = false;
  Format format = Format::pretty;
};

/// Makes recorded decisions again, maybe with other settings, and tells where they differ.
Ending run_replay(const ReplayCommand& command, const Terminal& terminal);

Command replay_command();

}  // namespace tanist::ctl
