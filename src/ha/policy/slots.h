#pragma once

#include <vector>

#include "ha/policy/draft.h"

/// All replication slots of a member: those of the others, and permanent ones (replication.md §4 to §8).
namespace tanist::ha::policy {

struct DesiredSlots {
  std::vector<postgres::WantedSlot> slots;
  /// What cannot be had, for the log.
  std::vector<Reason> complaints;
};
DesiredSlots desired_slots(const View& view);

/// Asks for slots to be created, advanced, dropped or copied, when what exists differs from what should.
void keep_slots(Draft& d);

}  // namespace tanist::ha::policy
