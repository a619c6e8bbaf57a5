#pragma once

#include <string>

#include "ha/model/branch.h"
#include "ha/model/view.h"

/// Which of all timelines of one number this member is on. Two promotions to one number may begin at the very
/// same point: only what was drawn for each of them tells one from the other (docs/safety.md).
namespace tanist::ha::policy {

/// What the last leadership tells of the timeline that this member is on: as the leader itself, or as a
/// standby that streams from it. Empty: nothing.
std::string branch_told(const View& view);
/// What is known once this was seen.
BranchNoted after(BranchNoted note, const View& view);

}  // namespace tanist::ha::policy
