#include "postgres/slot_steps.h"

#include <algorithm>
#include <map>
#include <string_view>

#include "core/format.h"

namespace tanist::postgres {
namespace {

using Kind = SlotStep::Kind;

std::string described(bool logical, const std::string& database, const std::string& plugin) {
  if (!logical) return "{'type': 'physical'}";
  return fmt::format("{{'type': 'logical', 'database': '{}', 'plugin': '{}'}}", database, plugin);
}

SlotStep drop(const SlotSeen& seen, std::string why, bool warns = false) {
  return {.kind = Kind::drop, .name = seen.name, .why = std::move(why), .warns = warns};
}

std::map<std::string_view, const WantedSlot*> by_name(const std::vector<WantedSlot>& slots) {
  std::map<std::string_view, const WantedSlot*> out;
  for (const auto& slot : slots) out.emplace(slot.name, &slot);
  return out;
}

/// replication.md §7.2, §7.4: why it is to go; nullopt: it stays.
std::optional<SlotStep> drop_of(const SlotSeen& seen, const WantedSlot* want, const SlotsWanted& wanted) {
  // PostgreSQL copies those itself.
  if (seen.logical && seen.failover) {
    if (!wanted.drop_unsynced || seen.synced) return std::nullopt;
    return drop(
        seen, fmt::format("Trying to drop logical replication slot '{}' with failover=true and synced=false",
                          seen.name));
  }
  const bool lost = seen.wal_status == "lost";
  if ((want == nullptr || lost) && wanted.drop_unknown && !is_ignored(seen, wanted.ignored)) {
    return drop(seen,
                want == nullptr
                    ? fmt::format("Trying to drop unknown replication slot '{}'", seen.name)
                    : fmt::format("Trying to drop replication slot '{}' with wal_status=lost", seen.name));
  }
  if (want != nullptr && !matches(seen, *want)) {
    return drop(seen,
                fmt::format("Trying to drop replication slot '{}' because value is changing from {} to {}",
                            seen.name, described(seen.logical, seen.database, seen.plugin),
                            described(want->logical(), want->database, want->plugin)));
  }
  return std::nullopt;
}

/// replication.md §7.5: a physical slot that nobody is to stream from here, and nobody does.
std::optional<SlotStep> keep_idle(const SlotSeen& seen, const WantedSlot& want, const SlotsWanted& wanted,
                                  Lsn reachable) {
  if (want.expected_active || seen.active) return std::nullopt;
  if (seen.xmin != 0) {
    if (!wanted.clean_xmin) return std::nullopt;
    return drop(seen,
                fmt::format("Dropping physical replication slot {} because of its xmin value {}", seen.name,
                            seen.xmin),
                true);
  }
  if (!seen.restart_lsn)
    return drop(seen,
                fmt::format("Dropping physical replication slot {}, which was created by somebody else and "
                            "holds no WAL",
                            seen.name),
                true);
  const Lsn to = std::min(want.advance_to, reachable);
  if (to <= seen.restart_lsn) return std::nullopt;
  return SlotStep{.kind = Kind::advance, .name = seen.name, .to = to};
}

}  // namespace

bool can_advance_slots(int server_version) {
  return server_version == 0 || server_version >= 110000;
}

bool matches(const SlotSeen& seen, const WantedSlot& want) {
  if (seen.logical != want.logical()) return false;
  return !seen.logical || (seen.database == want.database && seen.plugin == want.plugin);
}

bool is_ignored(const SlotSeen& slot, const std::vector<config::SlotMatcher>& matchers) {
  const auto fits = [](const std::string& wanted, std::string_view has) {
    return wanted.empty() || wanted == has;
  };
  return std::ranges::any_of(matchers, [&](const config::SlotMatcher& m) {
    return (!m.name || *m.name == slot.name) && fits(m.database, slot.database) &&
           fits(m.plugin, slot.plugin) && fits(m.type, slot.logical ? "logical" : "physical");
  });
}

std::vector<SlotStep> slot_steps(const Probe& probe, const SlotsWanted& wanted) {
  std::vector<SlotStep> steps;
  const bool advances = can_advance_slots(probe.server_version);
  const auto want_of = by_name(wanted.slots);
  std::map<std::string_view, const SlotSeen*> kept;
  for (const auto& seen : probe.slots) {
    const auto found = want_of.find(seen.name);
    auto going = drop_of(seen, found == want_of.end() ? nullptr : found->second, wanted);
    if (going) {
      steps.push_back(std::move(*going));
    } else {
      kept.emplace(seen.name, &seen);
    }
  }
  // A standby has no WAL beyond its replay, and a slot of it cannot be there.
  const Lsn reachable = probe.in_recovery ? probe.replay : probe.wal;
  for (const auto& want : wanted.slots) {
    if (want.logical()) continue;
    const auto seen = kept.find(want.name);
    if (seen == kept.end()) {
      steps.push_back({.kind = Kind::create, .name = want.name});
    } else if (!seen->second->logical && advances) {
      auto step = keep_idle(*seen->second, want, wanted, reachable);
      if (!step) continue;
      const bool again = step->kind == Kind::drop;
      steps.push_back(std::move(*step));
      if (again) steps.push_back({.kind = Kind::create, .name = want.name});
    }
  }
  for (const auto& want : wanted.slots) {
    if (!want.logical() || !advances) continue;
    const auto seen = kept.find(want.name);
    if (!probe.in_recovery) {
      // replication.md §7.6
      if (seen == kept.end())
        steps.push_back({.kind = Kind::create,
                         .name = want.name,
                         .database = want.database,
                         .plugin = want.plugin,
                         .to = want.advance_to});
      continue;
    }
    // replication.md §7.7
    if (seen == kept.end() || !matches(*seen->second, want) || seen->second->failover) continue;
    const Lsn to = std::min(want.advance_to, probe.replay);
    if (to > seen->second->confirmed_flush_lsn && !seen->second->active)
      steps.push_back({.kind = Kind::advance,
                       .name = want.name,
                       .database = want.database,
                       .plugin = want.plugin,
                       .to = to});
  }
  return steps;
}

std::vector<WantedSlot> slots_to_copy(const Probe& probe, const SlotsWanted& wanted) {
  std::vector<WantedSlot> out;
  if (!probe.in_recovery || !can_advance_slots(probe.server_version)) return out;
  for (const auto& want : wanted.slots) {
    if (!want.logical() || !want.advance_to) continue;
    if (std::ranges::find(probe.slots, want.name, &SlotSeen::name) == probe.slots.end()) out.push_back(want);
  }
  return out;
}

}  // namespace tanist::postgres
