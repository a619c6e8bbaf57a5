#include "ha/policy/member_slots.h"

#include <algorithm>
#include <map>

#include "ha/policy/questions.h"
#include "ha/policy/slots.h"
#include "ha/policy/standby_cluster.h"

namespace tanist::ha::policy {
namespace {

bool among(const std::vector<postgres::WantedSlot>& wanted, const std::string& name) {
  return std::ranges::find(wanted, name, &postgres::WantedSlot::name) != wanted.end();
}

/// replication.md §5: positions of the slots that are there as they should be; without retention only of
/// those that are permanent.
std::map<std::string, Lsn> published_slots(const View& view) {
  const Duration ttl = view.settings.dynamic.member_slots_ttl;
  std::map<std::string, const postgres::SlotSeen*> seen;
  for (const auto& slot : view.postgres.facts.probe->slots) seen[slot.name] = &slot;
  std::vector<postgres::WantedSlot> wanted = desired_slots(view).slots;
  if (ttl <= Duration::zero()) {
    const auto& permanent = view.settings.dynamic.permanent_slots;
    std::erase_if(wanted, [&](const auto& want) {
      return std::ranges::find(permanent, want.name, &config::PermanentSlot::name) == permanent.end();
    });
  }
  std::map<std::string, Lsn> out;
  for (const auto& want : wanted) {
    const auto found = seen.find(want.name);
    if (found != seen.end() && postgres::matches(*found->second, want))
      out[want.name] = want.logical() ? found->second->confirmed_flush_lsn : found->second->restart_lsn;
  }
  return out;
}

bool is_permanent_physical(const View& view, const std::string& slot) {
  return std::ranges::any_of(view.settings.dynamic.permanent_slots, [&](const auto& permanent) {
    return permanent.name == slot && !permanent.logical();
  });
}

}  // namespace

std::map<std::string, Lsn> slot_positions(const View& view) {
  if (!advance_capable(view)) return {};
  std::map<std::string, Lsn> out = published_slots(view);
  if (view.settings.dynamic.member_slots_ttl > Duration::zero())
    out[dcs::slot_name(view.self.name)] = view.postgres.facts.probe->position();
  return out;
}

bool advance_capable(const View& view) {
  return postgres::can_advance_slots(view.postgres.facts.major_version);
}

Lsn published_position(const dcs::Cluster& cluster, const std::string& slot) {
  const auto known = cluster.status.slots.find(slot);
  return known == cluster.status.slots.end() ? Lsn{} : known->second;
}

std::string shared_slot_names(const dcs::Cluster& cluster) {
  std::map<std::string, std::vector<std::string>> by_slot;
  for (const auto& [name, member] : cluster.members) by_slot[dcs::slot_name(name)].push_back(name);
  std::string out;
  for (const auto& [slot, names] : by_slot) {
    if (names.size() < 2) continue;
    std::string each;
    for (const auto& name : names) each += (each.empty() ? "" : ", ") + name;
    out += (out.empty() ? "" : "; ") + each + " map to " + slot;
  }
  return out;
}

std::vector<postgres::WantedSlot> member_slots(const View& view) {
  std::vector<postgres::WantedSlot> wanted;
  const dcs::Cluster& cluster = view.cluster();
  if (!view.settings.postgresql.use_slots) return wanted;
  const std::string& me = view.self.name;
  const bool primary = is_primary(view) || leads_standby_cluster(view);
  const bool barred = view.settings.tags.nofailover;
  const bool keep_all = advance_capable(view) && view.settings.dynamic.member_slots_ttl > Duration::zero();
  const dcs::Member* leader = cluster.leader_member();
  const bool old_leader = leader && version_below(leader->patroni_version, 4, 0, 0).value_or(false);

  for (const auto& [name, member] : cluster.members) {
    // replication.md §4.1
    if (name == me || member.nostream()) continue;
    // replication.md §4.2
    const std::string from = member.replicatefrom();
    const bool streams_from_me = primary ? from.empty() || from == me || !cluster.member(from)
                                         : from == me && cluster.leader_name() != name;
    // replication.md §4.3; beyond it, a primary that is nofailover, promoted by hand or tagged since, feeds
    // the others like any other.
    const bool kept = keep_all && (!barred || from == me);
    if (!kept && !streams_from_me) continue;
    // replication.md §4.4
    postgres::WantedSlot slot;
    slot.name = dcs::slot_name(name);
    slot.expected_active = streams_from_me;
    slot.advance_to = published_position(cluster, slot.name);
    if (!from.empty() || old_leader) slot.advance_to = std::max(slot.advance_to, member.xlog_location);
    const auto same = std::ranges::find(wanted, slot.name, &postgres::WantedSlot::name);
    if (same == wanted.end()) {
      wanted.push_back(std::move(slot));
    } else {
      same->expected_active = same->expected_active || slot.expected_active;
    }
  }
  // replication.md §4.5
  if (!barred && keep_all) {
    for (const auto& name : cluster.status.retain_slots) {
      if (name == dcs::slot_name(me) || among(wanted, name)) continue;
      // Beyond Patroni they are advanced, too, while their position is known, and do not hold back vacuum.
      wanted.push_back(
          {.name = name, .advance_to = published_position(cluster, name), .expected_active = false});
    }
  }
  return wanted;
}

void publish_status(Draft& d) {
  if (!has_fresh_probe(d.view)) return;
  if (d.facts().probe->in_recovery && !leads_standby_cluster(d.view)) return;
  const auto& probe = *d.facts().probe;
  const Duration ttl = d.settings.dynamic.member_slots_ttl;
  dcs::Status status;
  status.optime = probe.position();
  const std::string mine = dcs::slot_name(d.me());
  status.slots = slot_positions(d.view);
  if (advance_capable(d.view) && ttl > Duration::zero()) {
    // replication.md §5: the list of the leader before goes on, as if seen now.
    auto& seen = d.memory.slots.seen;
    if (!d.memory.slots.seeded) {
      for (const auto& name : d.cluster.status.retain_slots) seen[name] = d.now();
      d.memory.slots.seeded = true;
    }
    for (const auto& [name, member] : d.cluster.members) {
      const std::string slot = dcs::slot_name(name);
      if (!member.nostream() && status.slots.contains(slot) && !is_permanent_physical(d.view, slot))
        seen[slot] = d.now();
    }
    if (!d.settings.tags.nostream && !is_permanent_physical(d.view, mine)) seen[mine] = d.now();
    std::erase_if(seen, [&](const auto& entry) {
      if (d.now() - entry.second <= ttl) return false;
      const auto age = std::chrono::duration_cast<std::chrono::seconds>(ttl).count();
      d.say(log::Level::info, Code::slot_expired, {entry.first, std::to_string(age)});
      return true;
    });
    for (const auto& [name, when] : seen) status.retain_slots.push_back(name);
  }
  d.add(duty::Status{std::move(status)});
}

}  // namespace tanist::ha::policy
