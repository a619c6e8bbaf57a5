#pragma once

#include <string>
#include <vector>

#include "ctl/command.h"

namespace tanist::ctl {

/// Runs `arguments` (the first is the program's name) and returns the exit code: 0 done, 1 `Error: …`, 2
/// wrong usage.
int run_command_line(const std::vector<std::string>& arguments, const Surroundings& surroundings);

}  // namespace tanist::ctl
