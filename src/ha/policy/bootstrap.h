#pragma once

#include "ha/policy/draft.h"

/// A new cluster: who makes it, and what becomes of the attempt (ha.md §3.6, §3.6.1).
namespace tanist::ha::policy {

/// A bootstrap of this incarnation is under way.
bool go_on_bootstrapping(Draft& d);

/// Nobody leads, and there is no data here: this member makes the cluster, or waits for who does.
bool found_cluster(Draft& d);
bool wait_for_founder(Draft& d);

}  // namespace tanist::ha::policy
