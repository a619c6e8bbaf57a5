#include "ha/policy/member_slots.h"

#include <algorithm>

#include "ha/policy/questions.h"

namespace tanist::ha::policy {
namespace {

constexpr int kFirstWithAdvance = 110000;

bool advance_capable(const View& view) {
  const int version = view.postgres.facts.major_version;
  return version == 0 || version >= kFirstWithAdvance;
}

Lsn published_position(const dcs::Cluster& cluster, const std::string& slot) {
  const auto known = cluster.status.slots.find(slot);
  return known == cluster.status.slots.end() ? Lsn{} : known->second;
}

bool among(const std::vector<postgres::WantedSlot>& wanted, const std::string& name) {
  return std::ranges::find(wanted, name, &postgres::WantedSlot::name) != wanted.end();
}

}  // namespace

std::vector<postgres::WantedSlot> wanted_slots(const View& view) {
  std::vector<postgres::WantedSlot> wanted;
  const dcs::Cluster& cluster = view.cluster();
  if (!view.settings.postgresql.use_slots) return wanted;
  const std::string& me = view.self.name;
  const bool primary = is_primary(view);
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
      wanted.push_back({.name = name, .advance_to = {}, .expected_active = false});
    }
  }
  return wanted;
}

void keep_slots(Draft& d) {
  // replication.md §1: only where /config exists; §7: not while the server is starting.
  if (d.cluster.config.version.absent() || !has_fresh_probe(d.view) || !d.facts().accepts() ||
      is_starting(d.view))
    return;
  const auto wanted = wanted_slots(d.view);
  // Slots that an operator asked for by name are not known to this version: nothing that looks unknown is
  // dropped then.
  const bool drop_unknown = !d.settings.dynamic.pause && !d.settings.dynamic.names_slots;
  const auto& existing = d.facts().probe->slots;

  bool differs = false;
  for (const auto& slot : wanted) {
    const auto seen = std::ranges::find(existing, slot.name, &postgres::SlotSeen::name);
    if (seen == existing.end()) {
      differs = true;
    } else if (!slot.expected_active && !seen->active) {
      differs = differs || seen->has_xmin || slot.advance_to > seen->restart_lsn;
    }
  }
  for (const auto& seen : existing) {
    const bool unknown = !among(wanted, seen.name);
    differs = differs || (drop_unknown && !seen.logical && (unknown || seen.wal_status == "lost"));
  }
  if (differs) d.add(duty::Slots{.wanted = wanted, .drop_unknown = drop_unknown});
}

void publish_status(Draft& d) {
  if (!has_fresh_probe(d.view) || d.facts().probe->in_recovery) return;
  const auto& probe = *d.facts().probe;
  const Duration ttl = d.settings.dynamic.member_slots_ttl;
  dcs::Status status;
  status.optime = probe.position();
  const std::string mine = dcs::slot_name(d.me());
  if (advance_capable(d.view) && ttl > Duration::zero()) {
    for (const auto& slot : probe.slots)
      status.slots[slot.name] = slot.logical ? slot.confirmed_flush_lsn : slot.restart_lsn;
    status.slots[mine] = status.optime;

    // replication.md §5: the list of the leader before goes on, as if seen now.
    auto& seen = d.memory.slots.seen;
    if (!d.memory.slots.seeded) {
      for (const auto& name : d.cluster.status.retain_slots) seen[name] = d.now();
      d.memory.slots.seeded = true;
    }
    for (const auto& [name, member] : d.cluster.members) {
      const std::string slot = dcs::slot_name(name);
      if (!member.nostream() && status.slots.contains(slot)) seen[slot] = d.now();
    }
    if (!d.settings.tags.nostream) seen[mine] = d.now();
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
