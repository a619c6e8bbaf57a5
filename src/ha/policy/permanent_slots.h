#pragma once

#include <string>
#include <vector>

#include "ha/policy/draft.h"

/// Permanent slots of a member, and what they ask of it (replication.md §3, §4).
namespace tanist::ha::policy {

/// The slot of the primary through which WAL comes to `member` in the end: its own, or that of whom it
/// streams from. Empty: none, it is under one that does not stream, or streams in a circle.
std::string slot_on_primary(const View& view, const std::string& member);

/// Adds them to those of the members; `complaints`: what cannot be had, for the log.
void add_permanent_slots(const View& view, std::vector<postgres::WantedSlot>& wanted,
                         std::vector<Reason>& complaints);

/// A logical slot here, or on who streams from here, needs rows of the primary's catalog.
bool needs_feedback(const View& view);

}  // namespace tanist::ha::policy
