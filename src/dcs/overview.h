#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/modes.h"
#include "core/document.h"
#include "dcs/model.h"

/// The members of a cluster as people and tools are shown them: GET /cluster and `tanistctl list` read the
/// same rows.
namespace tanist::dcs {

/// A published position beside the leader's; `lsn` zero: the member published none.
struct PositionSeen {
  Lsn lsn;
  /// Bytes behind the last position in /status, never negative.
  std::int64_t lag = 0;
  bool known() const { return static_cast<bool>(lsn); }
};

struct MemberOverview {
  std::string name;
  /// `leader`, `standby_leader`, `sync_standby`, `quorum_standby` or `replica`.
  std::string role;
  /// Replication state of a streaming or recovering member, else its state; empty when it published none.
  std::string state;
  std::string api_url;
  std::optional<std::pair<std::string, int>> address;
  Timeline timeline;
  bool is_leader = false;
  PositionSeen receive;
  PositionSeen replay;
  PositionSeen latest;
  /// The stored value: pending_restart, scheduled_restart, tags are shown as they are.
  Document raw;
};

/// Sorted by name.
std::vector<MemberOverview> member_overviews(const Cluster& cluster, const config::Modes& modes);

/// The document of GET /cluster. `config`: the dynamic configuration in force.
Document cluster_document(const Cluster& cluster, const Document& config, const std::string& scope);

/// /history as stored: `[[timeline, lsn, reason, timestamp, new leader], …]`, the last two where they are
/// known.
Document history_document(const History& history);

}  // namespace tanist::dcs
