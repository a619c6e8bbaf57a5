#pragma once

#include <string>

#include "ha/policy/draft.h"
#include "ha/policy/zones.h"
#include "postgres/standby_names.h"

/// Which standbys a primary may count on (replication.md §14).
namespace tanist::ha::policy {

struct SyncStandbys {
  /// What commits wait for now.
  postgres::StandbyNames names;
  /// Who should be waited for; of them, who is known to have every commit that was acknowledged since.
  NameSet active;
  NameSet confirmed;
};

/// `synchronous_node_count`, at least one in strict mode.
int wanted_standbys(const PolicySettings& settings);
/// Strict mode: so many there must be for a commit to be acknowledged.
int fewest_standbys(const PolicySettings& settings);

/// Judges the standbys that stream from here. Remembers since when the list of now is in force, and who has
/// come past that point. `zones`: as many as there are of those that it asks for are among the active ones,
/// in whose stead others of the primary's zone are left out, and more than configured are chosen where it
/// takes that.
SyncStandbys judge_standbys(Draft& d, const OtherZones& zones);

}  // namespace tanist::ha::policy
