#pragma once

#include "async/clock.h"
#include "async/task.h"

namespace tanist::process {

/// Returns when there is something to read from `fd`, or it has ended; it stays the caller's. Out of
/// descriptors it looks again and again instead of being told.
Task<void> readable(Clock& clock, int fd);

}  // namespace tanist::process
