#pragma once

#include <string>

#include "core/names.h"
#include "ha/policy/draft.h"

/// Zones of members: what stands in one is lost together (replication.md §21).
namespace tanist::ha::policy {

/// What a list of standbys owes to other zones than the primary's.
struct OtherZones {
  /// So many acknowledgements of each commit come from `members`.
  int wanted = 0;
  /// Who is known to stand in another zone. Whose zone is not known counts as in the primary's.
  NameSet members;

  /// Of these names, how many stand in another zone.
  int among(const NameSet& names) const;
  /// The least number of acknowledgements of `standbys`, any of them, among which there are enough of other
  /// zones: all that could come from the primary's own, and as many as are wanted. Where there are not so
  /// many: all.
  int least_count(const NameSet& standbys) const;
};

/// As `synchronous_zones.min_other_zones` asks, seen from this member: as the primary, or as the next one.
/// None are in another zone where this member has no tag `zone`.
OtherZones other_zones(const View& view);

/// By `synchronous_zones.prefer`, seen after this leader: 0 is the most wanted zone, and alike are those of
/// which nothing is said, or not known. `after`: the member that led last.
int zone_rank(const View& view, const std::string& zone, const std::string& after);
/// The member that led last, as far as the store tells; empty: it does not.
std::string led_last(const View& view);

/// Tells of members of other make, which know nothing of zones, where the configuration has any.
void watch_zones(Draft& d);

}  // namespace tanist::ha::policy
