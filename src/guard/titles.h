#pragma once

#include <span>

#include "guard/kill.h"

namespace tanist::guard {

/// Children of a postmaster are what is left of it after its shutdown checkpoint: at least one that the stop
/// waits for, and nothing that may commit. `ending`: it was so a moment ago, and the one that was waited for
/// may have ended. Bounded: where that cannot be told at once, the answer is no.
bool only_waits(pid_t postmaster, std::span<const pid_t> children, bool ending = false);

}  // namespace tanist::guard
