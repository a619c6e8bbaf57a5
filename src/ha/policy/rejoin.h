#pragma once

#include "ha/policy/draft.h"

/// Taking a member back whose WAL may have left the leader's (ha.md §10.3, postgres.md §24).
namespace tanist::ha::policy {

/// The WAL is to be compared with the leader's; only where something could be done about a difference.
void trigger_check(Draft& d);

/// Compares, rewinds or clones anew; true when it acts or waits for an answer. A standby that runs without
/// streaming is compared again from time to time: a rewind that failed, or a comparison that was too early,
/// is not the last word.
bool rejoin_by_rewind(Draft& d);

/// Why this member cannot rejoin, and what gets it out, once a minute; nothing where nothing is known to be
/// wrong.
void tell_rejoin_error(Draft& d);

}  // namespace tanist::ha::policy
