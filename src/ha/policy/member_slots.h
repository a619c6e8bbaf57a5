#pragma once

#include <map>
#include <string>
#include <vector>

#include "ha/policy/draft.h"

/// Physical slots of members (replication.md §2, §4, §5).
namespace tanist::ha::policy {

/// The slots that this member should have for others, and for those that are away.
std::vector<postgres::WantedSlot> member_slots(const View& view);

/// How far this server's slots are that a leader tells of, its own position under its own name among them.
/// With a fresh probe.
std::map<std::string, Lsn> slot_positions(const View& view);
/// The leader's /status for its next renewal, with the slots of members that are away.
void publish_status(Draft& d);

/// Slots can be advanced by name (11 and later); also while the version is not known.
bool advance_capable(const View& view);
/// What the leader last published of a slot; 0: nothing.
Lsn published_position(const dcs::Cluster& cluster, const std::string& slot);
/// Members whose names become one slot: `a-1, a.1 map to a_1`; empty: there are none.
std::string shared_slot_names(const dcs::Cluster& cluster);

}  // namespace tanist::ha::policy
