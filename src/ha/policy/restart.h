#pragma once

#include "ha/policy/draft.h"

/// Restarts that an operator asked for, at once or at a time (ha.md §11.1, §11.2).
namespace tanist::ha::policy {

/// Begins the restart that was asked for or refuses it, and answers one that has ended; true only when one is
/// begun or a fresh view is needed first.
bool restart_as_asked(Draft& d);

/// The scheduled restart, where the decision has found nothing else to do. Its result replaces that of the
/// decision.
void restart_as_scheduled(Draft& d);

}  // namespace tanist::ha::policy
