#include "dcs/zones.h"

#include <fmt/format.h>
#include <algorithm>

#include "config/modes.h"
#include "config/zones.h"
#include "core/format.h"
#include "core/names.h"

namespace tanist::dcs {
namespace {

using SyncMode = config::Dynamic::SyncMode;

std::string listed(const std::vector<std::string>& names) {
  return fmt::format("{}", fmt::join(names, ", "));
}

/// All that it takes to say what zones ask for.
bool says_the_same(const Document& one, const Document& other) {
  const auto modes = config::modes_of(one), others = config::modes_of(other);
  return config::zones_of(one) == config::zones_of(other) && modes.synchronous == others.synchronous &&
         modes.synchronous_strict == others.synchronous_strict;
}

}  // namespace

std::vector<std::string> foreign_members(const Cluster& cluster) {
  std::vector<std::string> out;
  for (const auto& [name, member] : cluster.members)
    if (member.foreign()) out.push_back(name);
  return out;
}

ZonesSeen zones_seen(const Cluster& cluster, const Document& config) {
  const config::Zones zones = config::zones_of(config);
  const config::Modes modes = config::modes_of(config);
  ZonesSeen out;
  if (modes.synchronous != SyncMode::off) out.wanted = zones.min_other_zones;
  out.strict = modes.synchronous_strict;
  const Member* leader = cluster.leader_member();
  if (leader) out.zone = leader->zone();
  NameSet others;
  for (const auto& [name, member] : cluster.members) {
    if (leader && same_name(name, leader->name)) continue;
    const std::string zone = member.zone();
    if (zone.empty()) {
      out.without_zone.push_back(name);
    } else if (!out.zone.empty() && zone != out.zone) {
      out.others.push_back(name);
      others.insert(name);
    }
  }
  const SyncState& sync = cluster.sync;
  if (leader && sync.active() && same_name(sync.leader, leader->name)) {
    // Of the voters all but `quorum` have each commit at least: all of the leader's zone, and the rest of
    // others.
    const NameSet voters(sync.voters.begin(), sync.voters.end());
    const int own = static_cast<int>(without(voters, others).size());
    out.sure = std::max(0, static_cast<int>(voters.size()) - sync.quorum - own);
  }
  for (const auto& zone : zones.prefer) {
    const bool known =
        std::ranges::any_of(cluster.members, [&](const auto& entry) { return entry.second.zone() == zone; });
    if (!known) out.unknown.push_back(zone);
  }
  return out;
}

std::string why_no_zones(const Cluster& cluster, const Document& next) {
  if (says_the_same(cluster.config.data, next) || config::zones_of(next) == config::Zones{}) return {};
  if (const auto foreign = foreign_members(cluster); !foreign.empty())
    return fmt::format(
        "{} cannot be set while members of other make are in the cluster, which know nothing of zones: {}\n"
        "HINT: run Tanist on each member first, or delete the keys of members that are gone",
        config::kZonesKey, listed(foreign));
  const ZonesSeen seen = zones_seen(cluster, next);
  // Else it is a matter of members that may come: a warning and `doctor` tell of it.
  if (!seen.strict || seen.wanted == 0 || !cluster.leader_member()) return {};
  if (seen.zone.empty())
    return fmt::format(
        "{}.min_other_zones is {} and synchronous_mode_strict is on: no commit would be acknowledged, since "
        "the "
        "leader {} has no tag zone\n"
        "HINT: set the tag zone of each member, and reload",
        config::kZonesKey, seen.wanted, cluster.leader_name());
  if (static_cast<int>(seen.others.size()) < seen.wanted)
    return fmt::format(
        "{}.min_other_zones is {} and synchronous_mode_strict is on: no commit would be acknowledged, since "
        "{} "
        "in other zones than {}, that of the leader {}\n"
        "HINT: the tag zone of a member says where it stands",
        config::kZonesKey, seen.wanted,
        seen.others.empty() ? "no member is" : fmt::format("only {} is", listed(seen.others)), seen.zone,
        cluster.leader_name());
  return {};
}

}  // namespace tanist::dcs
