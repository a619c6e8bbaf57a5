#pragma once

#include "ctl/command.h"

namespace tanist::ctl {

/// A switchover that asks no leader: for clusters that have none that works (ctl.md §4).
Command failover_command();

}  // namespace tanist::ctl
