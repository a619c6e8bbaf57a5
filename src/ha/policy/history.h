#pragma once

#include "ha/policy/draft.h"

namespace tanist::ha::policy {

/// What the leader keeps in /history (ha.md §17).
void update_history(Draft& d);

}  // namespace tanist::ha::policy
