#include "ha/policy/joining.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "ha/policy/bootstrap.h"
#include "ha/policy/following.h"
#include "ha/policy/questions.h"

namespace tanist::ha::policy {

const dcs::Member* clone_source(const View& view) {
  const dcs::Cluster& cluster = view.cluster();
  const dcs::Member* leader = cluster.leader_member();
  std::vector<const dcs::Member*> preferred;
  for (const auto& [name, member] : cluster.members)
    if (member.clonefrom() && member.host_port() && member.state == "running" && name != view.self.name &&
        (!leader || name != leader->name))
      preferred.push_back(&member);
  if (!preferred.empty()) {
    // A source that did not serve is not asked for ever: the next try is another's, in the end the leader's.
    const auto failed = static_cast<std::size_t>(std::max(0, view.memory.making.clones_failed));
    if (failed >= preferred.size() && leader && leader->name != view.self.name && leader->host_port())
      preferred.push_back(leader);
    // Members that clone at the same time choose different sources, without drawing lots.
    const auto sum =
        std::accumulate(view.self.name.begin(), view.self.name.end(), std::size_t{0},
                        [](std::size_t s, char c) { return s * 31 + static_cast<unsigned char>(c); });
    return preferred[(sum + failed) % preferred.size()];
  }
  const bool usable = leader && leader->name != view.self.name && leader->host_port();
  return usable ? leader : nullptr;
}

/// ha.md §3.6.3: from a backup, where the cluster is known and nobody makes a new one.
bool join_without_leader(Draft& d) {
  if (!d.settings.postgresql.clones_without_leader || !d.cluster.initialize.valid_system_id()) return false;
  if (const auto when = retry_at(d.view, OperationKind::clone)) {
    d.wake(*when);
    return d.because(Code::waiting_before_retry);
  }
  if (!d.linearizable()) return d.because(Code::waiting_for_bootstrap);
  d.intend(intent::Clone{.source = std::nullopt,
                         .source_name = {},
                         .from_leader = false,
                         .why_removal_allowed = {},
                         .basebackup_only = false});
  d.memory.rejoin.rewind = RewindState::initial;
  return d.because(Code::cloning_without_leader);
}

/// ha.md §3.6.2
bool join_by_clone(Draft& d) {
  const dcs::Member* source = clone_source(d.view);
  const auto upstream = source ? upstream_of(d.view, *source) : std::nullopt;
  if (!upstream) return wait_for_founder(d);
  if (const auto when = retry_at(d.view, OperationKind::clone)) {
    d.wake(*when);
    return d.because(Code::waiting_before_retry);
  }
  const bool from_leader = source->name == d.cluster.leader_name();
  d.intend(intent::Clone{.source = *upstream,
                         .source_name = source->name,
                         .from_leader = from_leader,
                         .why_removal_allowed = {},
                         .basebackup_only = false});
  d.memory.rejoin.rewind = RewindState::initial;
  return d.because(from_leader ? Code::cloning_from_leader : Code::cloning_from_replica, {source->name});
}

}  // namespace tanist::ha::policy
