#pragma once

#include <string>

#include "ctl/command.h"

namespace tanist::ctl {

/// Deletes all that the store has of a cluster, after its name, a phrase and its leader's name were typed
/// (ctl.md §10). Throws Failure and Aborted.
void run_remove(const std::string& cluster, Format format, ClusterStore& store, const Terminal& terminal);

Command remove_command();

}  // namespace tanist::ctl
