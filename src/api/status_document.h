#pragma once

#include "api/member_status.h"
#include "core/document.h"

namespace tanist::api {

/// Body of GET /patroni and of every health check (rest-api.md §3). The basic form (state and role only)
/// stands for a PostgreSQL that does not answer. Beyond Patroni: `tanist_version`, `tanist_disk` (of the data
/// directory), `operation` and `progress` of long work, and `stale: true` when control is not heard of
/// (MemberStatus::stale).
Document status_document(const MemberStatus& status);

/// When writing became impossible and possible here, as ages in microseconds; false: not lately.
bool add_interruption(Document& out, const ha::Snapshot& snapshot, Instant now);

}  // namespace tanist::api
