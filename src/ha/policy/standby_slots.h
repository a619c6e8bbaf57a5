#pragma once

#include "ha/policy/draft.h"

/// On request, PostgreSQL 17 and later: consumers of failover slots get nothing that a standby which may be
/// promoted has not got (replication.md §9). The primary's `synchronized_standby_slots` names the slots that
/// these stream through.
namespace tanist::ha::policy {

/// On the primary: keeps the list in step with who streams from here.
void keep_standby_slots(Draft& d);

/// On a standby: makes the list ready that is in force from its promotion on. In recovery it has no effect.
void prepare_standby_slots(Draft& d);

}  // namespace tanist::ha::policy
