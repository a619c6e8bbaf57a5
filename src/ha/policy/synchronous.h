#pragma once

#include "ha/policy/draft.h"

/// Synchronous replication: at each instant, whatever dies then, only members that have every acknowledged
/// commit may be elected (replication.md §12 to §18).
namespace tanist::ha::policy {

/// What a primary with the key does for it: one step at most, a write of /sync or another list of standbys.
/// The next decision looks at what came of it: a daemon that died in between goes on in the same way.
void keep_synchronous(Draft& d);

/// Before a promotion (replication.md §15): /sync says whom others may elect from then on, and commits wait
/// for those. What fails of it postpones the promotion.
void prepare_synchronous(Draft& d);

/// Of a standby: the list of standbys that a promotion would need, so that it is in force by then.
void expect_promotion(Draft& d);

}  // namespace tanist::ha::policy
