#pragma once

#include "ha/policy/draft.h"

namespace tanist::ha::policy {

/// Takes note of an operation that ended since the last decision.
void learn_result(Draft& d);

}  // namespace tanist::ha::policy
