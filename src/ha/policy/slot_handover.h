#pragma once

#include <string>
#include <vector>

#include "ha/policy/draft.h"

/// Logical slots when the lead changes (replication.md §9): their consumers go on where the copies are.
namespace tanist::ha::policy {

/// On a primary: the logical slots whose consumers would miss changes after a hand-over to somebody without
/// them.
std::vector<std::string> slots_to_hand_over(const View& view);

/// Those of `wanted` that a member cannot give; none where it does not tell of slots (Patroni).
std::vector<std::string> slots_lacking(const PeerAnswer& answer, const std::vector<std::string>& wanted);

/// Nobody leads: another that answers, may lead and has no less WAL can go on with logical slots that this
/// member cannot. It is left the key for a while, a short one where nobody has asked for the change. The
/// peers have been asked.
bool leaves_to_one_with_slots(Draft& d);

/// Before a promotion: the permanent logical slots that are not here, though their consumers are known.
void tell_slots_left_behind(Draft& d);

}  // namespace tanist::ha::policy
