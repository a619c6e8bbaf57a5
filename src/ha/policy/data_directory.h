#pragma once

#include "ha/policy/draft.h"

/// What is in the data directory, and whether it belongs to this cluster (ha.md §3 steps 10 to 12).
namespace tanist::ha::policy {

/// It is empty, unreadable, or no cluster; the system identifier is another's.
bool check_data(Draft& d);

}  // namespace tanist::ha::policy
