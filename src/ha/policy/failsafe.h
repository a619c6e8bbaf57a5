#pragma once

#include <optional>

#include "ha/model/failsafe.h"
#include "ha/policy/draft.h"

/// Failsafe mode (ha.md §12): a primary goes on without the store while every member that could lead has
/// promised not to.
namespace tanist::ha::policy {

/// Whom a leader asks once the store proves nothing any more; nullopt: nobody, its lease runs out.
std::optional<FailsafeTerms> failsafe_terms(const Draft& d);

/// ha.md §12.1: the leader lists who could lead. Nobody else does, and only who is listed races.
void publish_failsafe(Draft& d);

}  // namespace tanist::ha::policy
