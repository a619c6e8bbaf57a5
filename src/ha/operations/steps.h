#pragma once

#include "ha/operations/operation.h"

/// Steps that several operations share.
namespace tanist::ha::operations {

/// Launches and waits until connections are accepted; sets role and state words.
Task<Outcome> start_server(OperationRunner& run, postgres::StartRequest request, postgres::State while_starting);

/// Sends the signal and waits until nothing of the server is left, with immediate mode and SIGKILL where that takes
/// longer than the stop's patience. False: something is still there.
Task<bool> stop_and_wait(OperationRunner& run, postgres::StopMode mode);

}  // namespace tanist::ha::operations
