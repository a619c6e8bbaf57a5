#include "postgres/logical_slots.h"

#include <algorithm>
#include <iterator>

#include "postgres/slot_steps.h"

namespace tanist::postgres {
namespace {

bool among(const std::vector<std::string>& names, const std::string& name) {
  return std::ranges::find(names, name) != names.end();
}

bool is_permanent(const SlotSeen& slot, const std::vector<config::PermanentSlot>& permanent) {
  return std::ranges::any_of(permanent, [&](const auto& one) {
    return one.logical() && one.name == slot.name && one.database == slot.database &&
           one.plugin == slot.plugin;
  });
}

}  // namespace

std::vector<std::string> slots_to_hand_over(const Probe& probe,
                                            const std::vector<config::PermanentSlot>& permanent) {
  std::vector<std::string> names;
  if (!probe.in_recovery && can_advance_slots(probe.server_version)) {
    // Those that it has copied before it was promoted still say so.
    for (const auto* slots : {&probe.slots, &probe.other_slots})
      for (const auto& slot : *slots) {
        // Who has lost WAL begins anew wherever it goes on.
        const bool there =
            slot.logical && !slot.temporary && slot.confirmed_flush_lsn && slot.wal_status != "lost";
        if (there && (slot.failover || is_permanent(slot, permanent))) names.push_back(slot.name);
      }
  }
  std::ranges::sort(names);
  return names;
}

std::vector<std::string> slots_fit_to_lead(const Facts& facts) {
  std::vector<std::string> names;
  if (!facts.probe || !facts.probe->in_recovery) return names;
  for (const auto& slot : facts.probe->slots) {
    // A failover slot that is not synchronized is one of this server's own past.
    const bool fit = slot.logical && !slot.failover && slot.wal_status != "lost" &&
                     !among(facts.unready_slots, slot.name) && !among(facts.broken_slots, slot.name);
    if (fit) names.push_back(slot.name);
  }
  // While PostgreSQL is not sure of its copy it is a temporary slot.
  for (const auto& slot : facts.probe->other_slots)
    if (slot.logical && slot.failover && slot.synced && !slot.temporary && slot.wal_status != "lost")
      names.push_back(slot.name);
  std::ranges::sort(names);
  return names;
}

std::vector<std::string> lacking(const std::vector<std::string>& wanted,
                                 const std::vector<std::string>& has) {
  std::vector<std::string> out;
  std::ranges::set_difference(wanted, has, std::back_inserter(out));
  return out;
}

std::string quoted_names(const std::vector<std::string>& names) {
  std::string out;
  for (const auto& name : names) out += (out.empty() ? "'" : ", '") + name + "'";
  return out;
}

}  // namespace tanist::postgres
