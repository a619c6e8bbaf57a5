#pragma once

#include <string>

#include "ctl/command.h"

namespace tanist::ctl {

/// Prints the dynamic configuration as YAML, and an empty line; nothing where there is none (ctl.md §7).
/// Throws Failure.
void run_show_config(const std::string& cluster, ClusterStore& store, const Terminal& terminal);

Command show_config_command();

}  // namespace tanist::ctl
