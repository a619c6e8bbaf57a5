#include "ctl/doctor/zones.h"

#include <fmt/format.h>
#include <string>

#include "core/format.h"
#include "dcs/zones.h"

namespace tanist::ctl::doctor {
namespace {

std::string are_in(const std::vector<std::string>& others) {
  if (others.empty()) return "no member is";
  return fmt::format("only {} {}", fmt::join(others, ", "), others.size() == 1 ? "is" : "are");
}

}  // namespace

Findings judge_zones(const dcs::Cluster& cluster, const Document& config) {
  Findings out;
  const config::Zones zones = config::zones_of(config);
  if (zones == config::Zones{}) return out;
  const std::string key(config::kZonesKey);
  for (const auto& name : dcs::foreign_members(cluster))
    out.push_back(
        {Grade::error, name,
         fmt::format("is of other make, and {} is set: while it leads, no commit waits for another zone",
                     key),
         "run Tanist on it, or take " + key + " out of the configuration"});
  const dcs::ZonesSeen seen = dcs::zones_seen(cluster, config);
  for (const auto& zone : seen.unknown)
    out.push_back({Grade::warning, key + ".prefer",
                   fmt::format("names {}, a zone in which no member is", zone),
                   "the tag zone of a member says where it is"});
  if (seen.wanted == 0 || cluster.unlocked()) return out;
  const Grade grade = seen.strict ? Grade::error : Grade::warning;
  const char* then = seen.strict ? "commits wait" : "commits are acknowledged without them";
  if (seen.zone.empty()) {
    out.push_back(
        {grade, cluster.leader_name(),
         fmt::format("leads and has no tag zone, and min_other_zones is {}: nobody counts as in another, "
                     "{}",
                     seen.wanted, then),
         "set the tag zone of each member, and reload"});
    return out;
  }
  if (static_cast<int>(seen.others.size()) < seen.wanted)
    out.push_back({grade, key + ".min_other_zones",
                   fmt::format("is {}, and {} in other zones than {}, the leader's: {}", seen.wanted,
                               are_in(seen.others), seen.zone, then),
                   "add members in other zones, or ask for fewer"});
  for (const auto& name : seen.without_zone)
    out.push_back({Grade::warning, name, "has no tag zone: it counts as in the leader's",
                   "set its tag zone, and reload"});
  return out;
}

void check_zones(const Seen& seen, Findings& out) {
  const auto& cluster = *seen.store;
  for (auto& finding : judge_zones(cluster, cluster.config.data)) out.push_back(std::move(finding));
  const dcs::ZonesSeen zones = dcs::zones_seen(cluster, cluster.config.data);
  // That there are too few is told above.
  if (cluster.unlocked() || zones.met() || static_cast<int>(zones.others.size()) < zones.wanted) return;
  out.push_back({zones.strict ? Grade::error : Grade::warning, "",
                 fmt::format("by /sync {} of the {} members of other zones than {} have each commit{}",
                             zones.sure, zones.wanted, zones.zone,
                             zones.strict ? ": commits wait"
                                          : ": what is lost with that zone may have been acknowledged"),
                 fmt::format("it takes as many of {} that stream from the leader, and have no tag nosync",
                             fmt::join(zones.others, ", "))});
}

}  // namespace tanist::ctl::doctor
