#pragma once

#include <vector>

#include "postgres/server.h"

namespace tanist::postgres {

struct Context;
class WorkConnection;

/// Physical slots of the members (replication.md §6, §7): creates, advances and (where `drop_unknown`) drops,
/// so that `wanted` exist. Failures are logged. Context and connection outlive the call.
Task<void> sync_slots(Context& context, WorkConnection& work, std::vector<WantedSlot> wanted,
                      bool drop_unknown, Instant deadline);

}  // namespace tanist::postgres
