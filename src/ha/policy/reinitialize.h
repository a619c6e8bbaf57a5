#pragma once

#include "ha/policy/draft.h"

/// A new copy in the place of the data directory, as an operator asked for (ha.md §11.3). Nothing is removed
/// while this member leads or nobody else does, nor before somebody was seen to be able to give a copy.
namespace tanist::ha::policy {

/// Begins what was asked for or refuses it, and tells of one that came to nothing; true when it is begun, or
/// something has to be known or ended first.
bool reinitialize_as_asked(Draft& d);

/// A copy that was asked for is about to take the place of the data directory: PostgreSQL is down, nothing is
/// removed yet.
bool confirm_removal(Draft& d, const OperationView& op);

}  // namespace tanist::ha::policy
