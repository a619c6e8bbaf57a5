#pragma once

#include <string>
#include <vector>

#include "core/document.h"
#include "dcs/model.h"

/// What the store tells of `synchronous_zones` (replication.md §21): for tools, and for who changes the
/// configuration. Decisions look at PostgreSQL itself.
namespace tanist::dcs {

/// Names of members of other make, in order.
std::vector<std::string> foreign_members(const Cluster& cluster);

struct ZonesSeen {
  /// As configured; 0 where commits wait for nobody.
  int wanted = 0;
  bool strict = false;
  /// Of the leader; empty: it has none, or nobody leads.
  std::string zone;
  /// Members that stand in another zone.
  std::vector<std::string> others;
  /// Members other than the leader whose zone is not told: they count as in the leader's.
  std::vector<std::string> without_zone;
  /// So many of other zones have each commit by what /sync says now.
  int sure = 0;
  /// Zones that are preferred, and in which no member stands.
  std::vector<std::string> unknown;
  bool met() const { return sure >= wanted; }
};
/// `config`: the dynamic configuration, stored or about to be.
ZonesSeen zones_seen(const Cluster& cluster, const Document& config);

/// Why this configuration must not be stored in the place of the one that is there: because of what its zones
/// meet in this cluster now. Empty: nothing is wrong, or nothing of it is new.
std::string why_no_zones(const Cluster& cluster, const Document& next);

}  // namespace tanist::dcs
