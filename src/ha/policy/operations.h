#pragma once

#include "ha/policy/draft.h"

/// What is decided about a long operation: while it runs, when it has ended, and when the daemon is to end.
namespace tanist::ha::policy {

/// Takes note of an operation that ended since the last decision.
void learn_result(Draft& d);

/// ha.md §3.4
bool watch_operation(Draft& d);

/// ha.md §2: SIGTERM.
bool shut_down(Draft& d);

}  // namespace tanist::ha::policy
