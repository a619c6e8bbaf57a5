#include "ha/policy/standby_slots.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/names.h"
#include "core/text.h"
#include "ha/policy/questions.h"
#include "ha/policy/voting.h"

namespace tanist::ha::policy {
namespace {

constexpr int kHasStandbySlots = 170000;

bool is_on(const Draft& d) {
  return d.settings.dynamic.standby_slots && d.settings.postgresql.use_slots;
}

/// Whoever streams from another standby gets everything after that one; who may never lead needs nothing
/// first.
bool could_be_promoted(const Draft& d, const dcs::Member& member) {
  if (member.name == d.me() || member.nofailover() || member.nostream()) return false;
  const std::string from = member.replicatefrom();
  return from.empty() || from == d.me() || !d.cluster.member(from);
}

const postgres::SlotSeen* slot_named(const Draft& d, const std::string& name) {
  const auto& slots = d.facts().probe->slots;
  const auto found = std::ranges::find(slots, name, &postgres::SlotSeen::name);
  return found == slots.end() || found->logical ? nullptr : &*found;
}

/// It has caught up: one that has not would hold consumers up for as long as it takes.
bool streams_from_here(const Draft& d, const std::string& member) {
  const auto* slot = slot_named(d, dcs::slot_name(member));
  return slot != nullptr && slot->active &&
         std::ranges::any_of(d.facts().probe->wal_senders, [&](const auto& sender) {
           return sender.state == "streaming" && same_name(sender.application_name, member);
         });
}

std::vector<std::string> names_in(const std::string& list) {
  std::vector<std::string> names;
  std::string name;
  for (const char c : list + ",") {
    if (c == ',') {
      if (!name.empty()) names.push_back(std::exchange(name, {}));
    } else if (c != ' ') {
      name += c;
    }
  }
  return names;
}

void want(Draft& d, const std::set<std::string>& names) {
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "" : ", ") + name;
  if (d.facts().own_standby_slots != text) d.add(duty::StandbySlots{std::move(text)});
}

/// False: there is nothing more to do.
bool applies(Draft& d) {
  if (!has_fresh_probe(d.view) || d.decision.needs.any()) return false;
  const bool old = d.facts().probe->server_version < kHasStandbySlots;
  if (is_on(d) && !old) return true;
  d.memory.slots.unstreamed.clear();
  if (d.facts().own_standby_slots) d.add(duty::StandbySlots{std::nullopt});
  if (is_on(d) && d.facts().probe->server_version > 0)
    d.say_each_minute(log::Level::warning, Code::standby_slots_need_version);
  return false;
}

}  // namespace

void keep_standby_slots(Draft& d) {
  if (!applies(d)) return;
  std::set<std::string> listed, barred;
  for (const auto& [name, member] : d.cluster.members) {
    if (name == d.me()) continue;
    // Of one that hangs the walsender stays for a while.
    const bool hangs = d.memory.synchronous.vanished.contains(lower(name));
    if (!could_be_promoted(d, member) || hangs) {
      barred.insert(dcs::slot_name(name));
    } else if (streams_from_here(d, name)) {
      listed.insert(dcs::slot_name(name));
    }
  }
  const std::string current = d.facts().own_standby_slots.value_or("");
  auto& unstreamed = d.memory.slots.unstreamed;
  // One that streams no more may be back in a moment, and must not be behind a consumer then; but consumers
  // wait for it, and not for ever.
  std::set<std::string> waited_for;
  for (const auto& name : names_in(current)) {
    if (listed.contains(name) || barred.contains(name) || slot_named(d, name) == nullptr) continue;
    const Instant until = unstreamed.emplace(name, d.now()).first->second + d.timing().loop_wait;
    if (d.now() >= until) {
      d.say(log::Level::warning, Code::standby_slot_left_out,
            {name, std::to_string(d.timing().loop_wait / std::chrono::seconds(1))});
      continue;
    }
    d.wake(until);
    waited_for.insert(name);
  }
  std::erase_if(unstreamed, [&](const auto& entry) { return !waited_for.contains(entry.first); });
  listed.merge(waited_for);
  want(d, listed);
}

void prepare_standby_slots(Draft& d) {
  if (!applies(d) || !d.facts().probe->in_recovery) return;
  std::set<std::string> listed;
  for (const auto& [name, member] : d.cluster.members) {
    // The leader is gone once this one leads, or comes back behind it.
    if (!could_be_promoted(d, member) || name == d.cluster.leader_name()) continue;
    if (slot_named(d, dcs::slot_name(name)) != nullptr) listed.insert(dcs::slot_name(name));
  }
  want(d, listed);
}

}  // namespace tanist::ha::policy
