#pragma once

#include "ha/operations/operation.h"

/// Steps that several operations share.
namespace tanist::ha::operations {

/// Launches and waits until connections are accepted; sets role and state words.
Task<Outcome> start_server(OperationRunner& run, postgres::StartRequest request, postgres::State while_starting);

/// What a start, restart or reload tells as a standby (postgres.md §10): `on_role_change` instead of `action` where the
/// member was told something before and leads no more, or is a standby leader or a replica by now.
std::string standby_action(OperationRunner& run, std::string action, postgres::Role before, postgres::Role after);

/// Runs before_stop, sends the signal and waits until nothing of the server is left, with immediate mode and SIGKILL where that takes
/// longer than the stop's patience. False: something is still there.
Task<bool> stop_and_wait(OperationRunner& run, postgres::StopMode mode);

}  // namespace tanist::ha::operations
