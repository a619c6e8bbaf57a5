#pragma once

#include "ha/policy/draft.h"

namespace tanist::ha::policy {

/// The daemon is to end (ha.md §2: SIGTERM).
bool shut_down(Draft& d);

}  // namespace tanist::ha::policy
