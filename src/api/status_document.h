#pragma once

#include <optional>
#include <string>
#include <vector>

#include "api/member_status.h"
#include "core/document.h"

namespace tanist::api {

/// Body of GET /patroni and of every health check (rest-api.md §3). The basic form (state and role only)
/// stands for a PostgreSQL that does not answer. Beyond Patroni: `tanist_version`, `tanist_disk` (of the data
/// directory), `tanist_slots_at_risk`, `tanist_logical_slots`, `operation` and `progress` of long work, and
/// `stale: true` when control is not heard of (MemberStatus::stale).
Document status_document(const MemberStatus& status);

/// A replication slot that endangers the disk or its consumer: as the status document and GET /events tell
/// it.
Document slot_risk_document(const postgres::SlotRisk& risk);

/// Of a primary the logical slots that go with the lead, of a standby those that it can give (postgres/
/// logical_slots.h); nullopt: it is too old, or there are none and none is expected.
std::optional<std::vector<std::string>> logical_slots_told(const ha::Snapshot& snapshot);

/// When writing became impossible and possible here, as ages in microseconds; false: not lately.
bool add_interruption(Document& out, const ha::Snapshot& snapshot, Instant now);

}  // namespace tanist::api
