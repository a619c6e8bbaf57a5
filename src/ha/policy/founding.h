#pragma once

#include "ha/policy/draft.h"

/// A new cluster, a new member of one, and whether this data directory belongs to it (ha.md §3 steps 8–12,
/// §3.6).
namespace tanist::ha::policy {

/// A bootstrap of this incarnation is under way.
bool go_on_bootstrapping(Draft& d);

/// The data directory is empty, unreadable, or no cluster; the system identifier is another's.
bool check_data(Draft& d);

}  // namespace tanist::ha::policy
