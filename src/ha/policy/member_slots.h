#pragma once

#include "ha/policy/draft.h"

/// Physical slots of members, and what the leader publishes of them (replication.md §4, §5).
namespace tanist::ha::policy {

/// The slots that this member should have.
std::vector<postgres::WantedSlot> wanted_slots(const View& view);

/// Asks for slots to be created, advanced or dropped, when what exists differs from what should.
void keep_slots(Draft& d);

/// The leader's /status for its next renewal, with the slots of members that are away.
void publish_status(Draft& d);

}  // namespace tanist::ha::policy
