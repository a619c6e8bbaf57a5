#pragma once

#include <string>

#include "ctl/cluster_store.h"
#include "ctl/terminal.h"

namespace tanist::ctl {

/// Prints the dynamic configuration as YAML, and an empty line; nothing where there is none (ctl.md §7).
/// Throws Failure.
void run_show_config(const std::string& cluster, ClusterStore& store, const Terminal& terminal);

}  // namespace tanist::ctl
