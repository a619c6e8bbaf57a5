#pragma once

#include "ha/policy/draft.h"

/// What is decided while a long operation runs (ha.md §3.4).
namespace tanist::ha::policy {

bool watch_operation(Draft& d);

/// The operation is about to delete the key, or has done it: nothing may renew it meanwhile.
bool gives_lock_up(const OperationView& op);
/// For one that awaits it: to go on with a stop that was asked for, or to let the key go. ha.md §2.4 and
/// §15.4.h: the key goes as soon as somebody has the last of the WAL.
bool give_verdict(Draft& d, const OperationView& op);

}  // namespace tanist::ha::policy
