#pragma once

#include <optional>
#include <string>

#include "dcs/model.h"
#include "dcs/values.h"
#include "ha/policy/zones.h"
#include "postgres/standby_names.h"

/// What has to stand before a server is promoted in synchronous mode (replication.md §15).
namespace tanist::ha::policy {

struct BeforePromotion {
  /// To be written first, as long as /sync is as it was read; when that fails the promotion waits. nullopt:
  /// /sync stays as it is.
  std::optional<dcs::SyncRecord> record;
  /// For synchronous_standby_names.
  postgres::StandbyNames names;
};

/// `strict`: no commit without a standby, nor without those of other zones.
BeforePromotion before_promotion_in_priority_mode(const dcs::SyncState& sync, const std::string& me,
                                                  bool strict, int server_version,
                                                  const OtherZones& zones = {});
BeforePromotion before_promotion_in_quorum_mode(const dcs::SyncState& sync, const std::string& me,
                                                bool strict, int server_version = 0,
                                                const OtherZones& zones = {});

/// A list that no commit gets past before there are enough members of other zones (replication.md §21): as
/// many acknowledgements of these standbys as that takes, and one that never comes where too few of them are
/// in another zone.
postgres::StandbyNames waiting_for_zones(postgres::StandbyNames list, const OtherZones& zones,
                                         int server_version);

}  // namespace tanist::ha::policy
