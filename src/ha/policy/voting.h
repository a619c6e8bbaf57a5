#pragma once

#include <string>

#include "ha/model/view.h"

/// Who has what was promised to be synchronous, and therefore who may be elected by whom (replication.md §12,
/// §20).
namespace tanist::ha::policy {

/// The mode is on, and a leader has said in /sync that it keeps the promise. What an earlier leader says
/// there when the operator has turned the mode off binds nobody.
bool sync_in_force(const View& view);
/// Not all that are in /sync have every commit: a candidate needs /sync.quorum answers of the others, one
/// that is not there itself one more. Also where the leader has not come to rewrite the key since another
/// mode was asked for: what was acknowledged so far was so by the rule that the key tells.
bool quorum_in_force(const View& view);
/// The leader and the voters of /sync.
bool in_voting_set(const dcs::Cluster& cluster, const std::string& name);
/// This member may be elected by itself: not where only those in /sync may, and it is not.
bool may_be_elected(const View& view);

}  // namespace tanist::ha::policy
