#include "ha/policy/zones.h"

#include <fmt/format.h>

#include <algorithm>

#include "ha/policy/voting.h"

namespace tanist::ha::policy {
namespace {

/// What the store tells of its zone, or told while somebody led: a member key ends with its daemon.
std::string zone_of(const View& view, const std::string& name) {
  if (same_name(name, view.self.name)) return view.settings.tags.zone;
  for (const auto& cluster : {view.store.cluster, view.store.last_with_leader}) {
    if (!cluster) continue;
    for (const auto& [known, member] : cluster->members)
      if (same_name(known, name)) return member.zone();
  }
  return {};
}

}  // namespace

int OtherZones::among(const NameSet& names) const {
  return static_cast<int>(common(members, names).size());
}

int OtherZones::least_count(const NameSet& standbys) const {
  if (wanted <= 0) return 0;
  const int others = among(standbys);
  return static_cast<int>(standbys.size()) - others + std::min(wanted, others);
}

OtherZones other_zones(const View& view) {
  OtherZones out{.wanted = view.settings.dynamic.min_other_zones, .members = {}};
  const std::string& mine = view.settings.tags.zone;
  if (out.wanted <= 0 || mine.empty()) return out;
  NameSet known;
  for (const auto& cluster : {view.store.cluster, view.store.last_with_leader}) {
    if (!cluster) continue;
    for (const auto& [name, member] : cluster->members) {
      if (!known.insert(name).second || same_name(name, view.self.name)) continue;
      const std::string zone = member.zone();
      if (!zone.empty() && zone != mine) out.members.insert(name);
    }
  }
  return out;
}

int zone_rank(const View& view, const std::string& zone, const std::string& after) {
  const auto& dynamic = view.settings.dynamic;
  if (dynamic.prefer_same_zone) {
    const std::string last = zone_of(view, after);
    return !last.empty() && zone != last ? 1 : 0;
  }
  const auto& list = dynamic.preferred_zones;
  return static_cast<int>(std::ranges::find(list, zone) - list.begin());
}

std::string led_last(const View& view) {
  if (!view.store.cluster) return {};
  const dcs::Cluster& cluster = view.cluster();
  return sync_in_force(view) ? cluster.sync.leader : cluster.leadership_name;
}

void watch_zones(Draft& d) {
  const auto& dynamic = d.settings.dynamic;
  if (dynamic.min_other_zones <= 0 && !dynamic.prefer_same_zone && dynamic.preferred_zones.empty()) return;
  std::string foreign;
  for (const auto& [name, member] : d.cluster.members)
    if (member.foreign() && name != d.me()) foreign += (foreign.empty() ? "" : ", ") + name;
  if (!foreign.empty()) d.say_each_minute(log::Level::warning, Code::zones_foreign, {foreign});
}

}  // namespace tanist::ha::policy
