#include "ha/policy/slot_handover.h"

#include <algorithm>

#include "ha/policy/manual_failover.h"
#include "ha/policy/member_slots.h"
#include "ha/policy/questions.h"
#include "ha/policy/race.h"
#include "ha/policy/slots.h"
#include "postgres/logical_slots.h"

namespace tanist::ha::policy {
namespace {

using namespace std::chrono_literals;

/// Somebody waits for a primary: who can lead better does so at once, or not at all.
constexpr Duration kSlotsPatience = 2s;
/// A switchover may take that long.
constexpr Duration kSlotsPatienceOnRequest = 10s;

}  // namespace

std::vector<std::string> slots_to_hand_over(const View& view) {
  if (!has_fresh_probe(view)) return {};
  const bool kept = view.settings.postgresql.use_slots;
  return postgres::slots_to_hand_over(*view.postgres.facts.probe, kept
                                                                      ? view.settings.dynamic.permanent_slots
                                                                      : std::vector<config::PermanentSlot>());
}

std::vector<std::string> slots_lacking(const PeerAnswer& answer, const std::vector<std::string>& wanted) {
  if (!answer.logical_slots) return {};
  return postgres::lacking(wanted, *answer.logical_slots);
}

bool leaves_to_one_with_slots(Draft& d) {
  const View& view = d.view;
  if (is_primary(view) || !view.answers.peers) return false;
  const auto mine = postgres::slots_fit_to_lead(d.facts());
  const Line line(view);
  for (const auto& [name, url] : rivals(view)) {
    const auto found = view.answers.peers->find(name);
    if (found == view.answers.peers->end() || !found->second.logical_slots) continue;
    const PeerAnswer& answer = found->second;
    if (answer.primary || !limitation(answer).empty() || has_left(view, line, name, answer)) continue;
    // It would stand back for this member by itself.
    if (answer.failover_priority < d.settings.tags.failover_priority) continue;
    if (answer.timeline != own_timeline(view) || answer.position < own_position(view)) continue;
    const auto more = postgres::lacking(*answer.logical_slots, mine);
    if (more.empty() || !postgres::lacking(mine, *answer.logical_slots).empty()) continue;
    auto& since = d.memory.race.left_for_slots_since;
    if (!since) since = d.now();
    const Instant until = *since + (request_in_force(view) ? kSlotsPatienceOnRequest : kSlotsPatience);
    if (d.now() >= until) return false;
    d.wake(until);
    d.check(Rule::logical_slots_kept, false, {{"slots", postgres::quoted_names(more)}}, name);
    d.say_each_minute(log::Level::info, Code::left_for_slots, {name, postgres::quoted_names(more)}, name);
    return true;
  }
  return false;
}

void tell_slots_left_behind(Draft& d) {
  if (!has_fresh_probe(d.view)) return;
  const auto& slots = d.facts().probe->slots;
  std::vector<std::string> missing;
  for (const auto& want : desired_slots(d.view).slots) {
    if (!want.logical() || !want.advance_to) continue;
    const auto seen = std::ranges::find(slots, want.name, &postgres::SlotSeen::name);
    const auto broken = std::ranges::find(d.facts().broken_slots, want.name);
    const auto& others = d.facts().probe->other_slots;
    const bool copied = std::ranges::find(others, want.name, &postgres::SlotSeen::name) != others.end();
    if (broken != d.facts().broken_slots.end() || (seen == slots.end() && !copied))
      missing.push_back(want.name);
  }
  if (!missing.empty())
    d.say(log::Level::warning, Code::slots_left_behind, {postgres::quoted_names(missing)});
}

}  // namespace tanist::ha::policy
