#pragma once

#include "ha/policy/draft.h"

/// The member that has the lock (ha.md §3.8, §8).
namespace tanist::ha::policy {

bool lead(Draft& d);

}  // namespace tanist::ha::policy
