#pragma once

#include "ha/policy/draft.h"

/// A server that is down while it should run (ha.md §3 steps 9 and 13, §3.7).
namespace tanist::ha::policy {

/// Marks a server found dead; the state in force from now on.
postgres::State note_death(Draft& d);

bool recover(Draft& d);

}  // namespace tanist::ha::policy
