#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/slots.h"
#include "core/document.h"

/// The slots of a dynamic configuration, from its text to values (replication.md §3).
namespace tanist::config {

/// The names under which permanent slots may stand; the first that has any counts.
inline constexpr std::string_view kPermanentSlotsKeys[] = {"permanent_replication_slots", "permanent_slots",
                                                           "slots"};

/// Those that apply to a cluster of this kind; what cannot be read is left out. Sorted by name.
std::vector<PermanentSlot> permanent_slots(const Document& dynamic, bool standby_cluster);

/// The entries of `ignore_slots`, and one for each name that stands among the permanent slots with a value
/// that cannot be read: what somebody wanted to keep is not dropped for a typing error.
std::vector<SlotMatcher> ignored_slots(const Document& dynamic);

/// What is wrong with one entry, at `slots.<name>` or `ignore_slots`.
struct SlotComplaint {
  std::string key;
  std::string text;
};
/// Of a whole dynamic configuration.
std::vector<SlotComplaint> slot_complaints(const Document& dynamic);

}  // namespace tanist::config
