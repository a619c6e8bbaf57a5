#pragma once

#include <map>
#include <string>

#include "ha/model/decision.h"

namespace tanist::ha {

/// The view as it would be if the leader key were free from now on, and the others had answered this; who is
/// not among them, and who led, counts as not reachable. What is decided on it tells whether this member
/// could take over, and by which rules.
View leaderless(View view, const std::map<std::string, PeerAnswer>& answers);

}  // namespace tanist::ha
