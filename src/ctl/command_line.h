#pragma once

#include <string>
#include <vector>

#include "config/environment.h"
#include "ctl/list_command.h"

namespace tanist::ctl {

/// What a call of the tool came from, besides its arguments.
struct Surroundings {
  config::Environment environment;
  Terminal terminal;
  bool out_is_terminal = false;
  /// Makes the reader; tests bring their own.
  std::function<std::unique_ptr<ClusterReader>(const Settings&)> make_reader;
};

/// Runs `arguments` (the first is the program's name) and returns the exit code: 0 done, 1 `Error: …`, 2
/// wrong usage.
int run_command_line(const std::vector<std::string>& arguments, const Surroundings& surroundings);

}  // namespace tanist::ctl
