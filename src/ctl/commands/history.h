#pragma once

#include <string>

#include "ctl/command.h"

namespace tanist::ctl {

/// Prints the switches of timelines (ctl.md §9). Throws Failure.
void run_history(const std::string& cluster, Format format, ClusterStore& store, const Terminal& terminal);

Command history_command();

}  // namespace tanist::ctl
