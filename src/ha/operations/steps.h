#pragma once

#include "ha/operations/operation.h"

/// Steps that several operations share.
namespace tanist::ha::operations {

/// No end of its own: the next decision ends it.
inline constexpr Duration kForever = std::chrono::hours(24 * 365);
inline constexpr Duration kCheckpointBudget = std::chrono::hours(1);

/// Launches and waits until connections are accepted, no longer than `patience` (zero: without end); sets
/// role and state words. A server that takes longer goes on starting.
Task<Outcome> start_server(OperationRunner& run, postgres::StartRequest request,
                           postgres::State while_starting, Duration patience);
/// The patience of a start that decide() wants, not an operator: a standby may replay for long before it is
/// consistent, and the next decision may end that at any moment.
Duration start_patience(OperationRunner& run, bool as_standby);

/// What a start, restart or reload tells as a standby (postgres.md §10): `on_role_change` instead of `action`
/// where the member was told something before and leads no more, or is a standby leader or a replica by now.
std::string standby_action(OperationRunner& run, std::string action, postgres::Role before,
                           postgres::Role after);

/// Runs before_stop, sends the signal and waits until nothing of the server is left, with immediate mode and
/// SIGKILL where that takes longer than the stop's patience. False: something is still there.
Task<bool> stop_and_wait(OperationRunner& run, postgres::StopMode mode);

}  // namespace tanist::ha::operations
