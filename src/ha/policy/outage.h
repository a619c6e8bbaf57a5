#pragma once

#include "ha/policy/draft.h"

namespace tanist::ha::policy {

/// The store does not answer (ha.md §9): true when it does not.
bool sit_out_outage(Draft& d);

}  // namespace tanist::ha::policy
