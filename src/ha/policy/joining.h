#pragma once

#include "ha/policy/draft.h"

/// A new member of a cluster that exists (ha.md §3.6.2, §3.6.3).
namespace tanist::ha::policy {

/// Whom a clone is made from (ha.md §3.6.2); nullptr: nobody.
const dcs::Member* clone_source(const View& view);

/// From the leader, or another member.
bool join_by_clone(Draft& d);
/// From a backup, where nobody leads; false: no method can.
bool join_without_leader(Draft& d);

}  // namespace tanist::ha::policy
