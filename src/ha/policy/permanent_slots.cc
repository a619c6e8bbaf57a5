#include "ha/policy/permanent_slots.h"

#include <algorithm>
#include <set>

#include "core/format.h"
#include "ha/policy/member_slots.h"
#include "ha/policy/questions.h"

namespace tanist::ha::policy {
namespace {

/// From here on standbys copy slots by themselves.
constexpr int kSyncsSlots = 170000;

/// Of this member as it is configured now: its key may be late.
bool nostream(const View& view, const std::string& name) {
  if (name == view.self.name) return view.settings.tags.nostream;
  const dcs::Member* member = view.cluster().member(name);
  return member != nullptr && member->nostream();
}

std::string replicatefrom(const View& view, const std::string& name) {
  if (name == view.self.name) return view.settings.tags.replicatefrom;
  const dcs::Member* member = view.cluster().member(name);
  return member != nullptr ? member->replicatefrom() : std::string();
}

/// Whether there is a way from `member` up to this one on which each streams.
bool cascades_from_me(const View& view, const std::string& member) {
  std::set<std::string> passed;
  std::string at = member;
  while (at != view.self.name) {
    if (nostream(view, at) || !passed.insert(at).second) return false;
    at = replicatefrom(view, at);
    if (at.empty() || (at != view.self.name && !view.cluster().member(at))) return false;
  }
  return true;
}

bool any_logical(const View& view) {
  return std::ranges::any_of(view.settings.dynamic.permanent_slots,
                             [](const auto& slot) { return slot.logical(); });
}

/// replication.md §3: what is known of a physical slot that a cascading member of that name streams through.
Lsn known_position(const View& view, const std::string& slot) {
  const dcs::Cluster& cluster = view.cluster();
  Lsn known = published_position(cluster, slot);
  for (const auto& [name, member] : cluster.members)
    if (!member.replicatefrom().empty() && dcs::slot_name(name) == slot)
      known = std::max(known, member.xlog_location);
  return known;
}

bool cascading_member_has(const dcs::Cluster& cluster, const std::string& slot) {
  return std::ranges::any_of(cluster.members, [&](const auto& entry) {
    return !entry.second.replicatefrom().empty() && dcs::slot_name(entry.first) == slot;
  });
}

}  // namespace

std::string slot_on_primary(const View& view, const std::string& member) {
  std::set<std::string> passed;
  std::string at = member;
  while (passed.insert(at).second) {
    if (nostream(view, at)) return {};
    const std::string from = replicatefrom(view, at);
    const bool ends = from.empty() || from == at || (from != view.self.name && !view.cluster().member(from));
    if (ends) return dcs::slot_name(at);
    at = from;
  }
  return {};
}

void add_permanent_slots(const View& view, std::vector<postgres::WantedSlot>& wanted,
                         std::vector<Reason>& complaints) {
  if (!view.settings.postgresql.use_slots || view.settings.tags.nofailover) return;
  const bool leads = is_primary(view) || view.postgres.role == postgres::Role::standby_leader;
  const bool advances = advance_capable(view);
  const std::string& me = view.self.name;
  const bool fed = !slot_on_primary(view, me).empty();
  std::set<std::string> taken;
  for (const auto& slot : wanted) taken.insert(slot.name);
  std::string too_old;
  for (const auto& slot : view.settings.dynamic.permanent_slots) {
    if (!slot.logical()) {
      if ((!advances && !leads) || slot.name == dcs::slot_name(me) || taken.contains(slot.name)) continue;
      const bool cascaded = cascading_member_has(view.cluster(), slot.name);
      wanted.push_back({.name = slot.name,
                        .advance_to = known_position(view, slot.name),
                        .expected_active = leads && !cascaded});
      continue;
    }
    if (!fed) continue;
    if (!advances) {
      too_old += (too_old.empty() ? "'" : ", '") + slot.name + "'";
    } else if (taken.contains(slot.name) || slot.name == dcs::slot_name(me)) {
      std::string definition =
          fmt::format("{{'{}': {{'type': 'logical', 'database': '{}', 'plugin': '{}'}}}}", slot.name,
                      slot.database, slot.plugin);
      complaints.push_back({.code = Code::slot_conflicts, .arguments = {std::move(definition)}});
    } else {
      wanted.push_back({.name = slot.name,
                        .advance_to = published_position(view.cluster(), slot.name),
                        .expected_active = false,
                        .database = slot.database,
                        .plugin = slot.plugin});
    }
  }
  if (!too_old.empty())
    complaints.push_back({.code = Code::slots_need_version, .arguments = {"[" + too_old + "]"}});
}

bool needs_feedback(const View& view) {
  const bool synchronized = view.settings.dynamic.standby_slots && view.settings.postgresql.use_slots &&
                            view.postgres.facts.major_version >= kSyncsSlots &&
                            !view.settings.tags.nofailover;
  // PostgreSQL copies failover slots to nobody else.
  if (synchronized && !view.settings.dynamic.standby_cluster) return true;
  if (!view.settings.postgresql.use_slots || !advance_capable(view) || !any_logical(view)) return false;
  if (slot_on_primary(view, view.self.name).empty()) return false;
  if (!view.settings.tags.nofailover) return true;
  const std::string leader = view.cluster().leader_name();
  return std::ranges::any_of(view.cluster().members, [&](const auto& entry) {
    const auto& [name, member] = entry;
    return name != view.self.name && name != leader && !member.nofailover() && cascades_from_me(view, name);
  });
}

}  // namespace tanist::ha::policy
