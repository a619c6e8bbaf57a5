#pragma once

#include "ha/policy/draft.h"

/// Whom a standby streams from, and what a member without the lock does (ha.md §10).
namespace tanist::ha::policy {

/// Address and slot of a member, for streaming from it; nullopt: its key tells no address.
std::optional<postgres::Upstream> upstream_of(const View& view, const dcs::Member& member);

/// A member whose cluster is led by another.
bool follow_leader(Draft& d);

}  // namespace tanist::ha::policy
