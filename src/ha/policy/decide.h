#pragma once

#include <optional>

#include "ha/model/decision.h"

namespace tanist::ha {

/// Pure and total: no I/O, no clock, no log, no randomness.
Decision decide(const View& view);

/// The upstream this member should stream from now (ha.md §10.2); nullopt: nobody.
std::optional<postgres::Upstream> wanted_upstream(const View& view);

}  // namespace tanist::ha
