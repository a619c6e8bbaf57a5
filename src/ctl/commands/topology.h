#pragma once

#include "ctl/command.h"

namespace tanist::ctl {

/// `list` as a tree (ctl.md §3).
Command topology_command();

}  // namespace tanist::ctl
