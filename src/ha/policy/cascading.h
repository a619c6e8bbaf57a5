#pragma once

#include "ha/policy/draft.h"

/// Standbys that stream from standbys (ha.md §10.2.3, and beyond it): the tag replicatefrom, and when it is
/// gone by.
namespace tanist::ha::policy {

/// The member that the tag of this one names and that is to be streamed from; nullptr: the tag names nobody
/// who can be, or the leader stands in for it. The view must have a cluster.
const dcs::Member* tagged_upstream(const View& view);

/// The leader feeds this member in place of the one that its tag names, and may keep no slot for it.
bool leader_stands_in(const View& view);

/// Learns whether the upstream feeds this member: one that does not is left for the leader, and returned to
/// once it has been well for a while.
void mind_upstream(Draft& d);

}  // namespace tanist::ha::policy
