#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "postgres/types.h"

/// Which replication slots hold back more WAL than is good for the disk or for their consumers
/// (replication.md §7). Pure.
namespace tanist::postgres {

struct SlotLimits {
  /// tanist.slot_wal_warning in bytes; 0: none.
  std::int64_t warning_bytes = 0;
  /// Of the file system that WAL is written to; nullopt: not known.
  std::optional<DiskSpace> wal_disk;
};

/// Those of all slots, temporary ones too, the gravest first. One that was at risk `before` stays so until it
/// holds a tenth less than what made it so.
std::vector<SlotRisk> slots_at_risk(const Probe& probe, const SlotLimits& limits,
                                    const std::vector<SlotRisk>& before);

/// WAL from where a slot needs it to the end of it, in bytes; nullopt: it needs none, or that is gone.
std::optional<std::int64_t> retained_bytes(const Probe& probe, const SlotSeen& slot);

/// For the log, a HINT line with it: `replication slot 'dwh', which nobody reads from, holds 1.2 GB of WAL,
/// …`.
std::string describe(const SlotRisk& risk);

}  // namespace tanist::postgres
