#include "ha/policy/slots.h"

#include <algorithm>
#include <functional>
#include <variant>

#include "ha/policy/decide.h"
#include "ha/policy/following.h"
#include "ha/policy/member_slots.h"
#include "ha/policy/permanent_slots.h"
#include "ha/policy/questions.h"

namespace tanist::ha::policy {
namespace {

using namespace std::chrono_literals;

/// A copy that was of no use is of none again, as a rule: the WAL that it needs is not here.
constexpr Duration kCopyPause = 1min;
constexpr Duration kLongestCopyPause = 30min;
/// A hand-over that is due sooner is not disturbed by the restart of its candidate.
constexpr Duration kBeforeSwitchover = 1min;

postgres::SlotsWanted wanted_of(const Draft& d, std::vector<postgres::WantedSlot> slots) {
  postgres::SlotsWanted wanted;
  wanted.slots = std::move(slots);
  // What is known of the members is old while the store is silent.
  wanted.drop_unknown = !d.settings.dynamic.pause && d.view.store.ok;
  wanted.ignored = d.settings.dynamic.ignored_slots;
  const std::string leader = d.cluster.leader_name();
  const bool primary = is_primary(d.view);
  // replication.md §7.5
  wanted.clean_xmin = !leader.empty() && (leader != d.me() || primary);
  // replication.md §7.2; beyond it, only where this server would copy them: else the one here may be all that
  // is left of it.
  wanted.drop_unsynced =
      !primary && !leader.empty() && leader != d.me() && d.settings.postgresql.sync_replication_slots;
  if (const dcs::Member* member = d.cluster.leader_member(); member && leader != d.me() && !primary) {
    wanted.leader = upstream_of(d.view, *member);
    wanted.own_slot = slot_on_primary(d.view, d.me());
  }
  return wanted;
}

bool hand_over_is_due(const Draft& d) {
  const auto& request = d.cluster.failover;
  return request.present() &&
         (!request.scheduled_at || *request.scheduled_at <= d.view.wall_now + kBeforeSwitchover);
}

Duration pause_after(int copies) {
  Duration pause = kCopyPause;
  for (int i = 1; i < copies && pause < kLongestCopyPause; ++i) pause *= 2;
  return std::min(pause, kLongestCopyPause);
}

template <class List, class Projection = std::identity>
bool has(const List& list, const std::string& name, Projection projection = {}) {
  return std::ranges::find(list, name, projection) != list.end();
}

std::string listed(const std::vector<postgres::WantedSlot>& slots) {
  std::string out;
  for (const auto& slot : slots) out += (out.empty() ? "'" : ", '") + slot.name + "'";
  return "[" + out + "]";
}

/// replication.md §8. Beyond it, not in pause, and not while a hand-over is due: it takes a restart.
void copy_slots(Draft& d, const postgres::SlotsWanted& wanted) {
  const auto& facts = d.facts();
  auto missing = postgres::slots_to_copy(*facts.probe, wanted);
  for (const auto& want : wanted.slots)
    if (want.logical() && want.advance_to && has(facts.broken_slots, want.name)) missing.push_back(want);
  auto& copied = d.memory.slots.copied;
  std::erase_if(copied, [&](const auto& entry) {
    const bool known = has(wanted.slots, entry.first, &postgres::WantedSlot::name);
    return !known || (!has(missing, entry.first, &postgres::WantedSlot::name) &&
                      !has(facts.unready_slots, entry.first));
  });
  std::erase_if(missing, [&](const auto& want) {
    const auto before = copied.find(want.name);
    return before != copied.end() && d.now() - before->second.last < pause_after(before->second.count);
  });
  const bool idle = std::holds_alternative<intent::None>(d.decision.intent) && !d.view.operation;
  const bool fed = locked_by_other(d.view) && !d.view.promise && wanted.leader && streams(d.view) &&
                   !d.view.postgres.promoting;
  if (missing.empty() || !idle || !fed || d.settings.dynamic.pause || hand_over_is_due(d)) return;
  for (const auto& want : missing) {
    auto& before = copied[want.name];
    before = {.last = d.now(), .count = before.count + 1};
  }
  d.because(Code::copying_slots, {listed(missing)});
  d.intend(intent::CopySlots{
      .leader = *wanted.leader, .slots = std::move(missing), .upstream = wanted_upstream(d.view)});
}

}  // namespace

DesiredSlots desired_slots(const View& view) {
  DesiredSlots out;
  out.slots = member_slots(view);
  add_permanent_slots(view, out.slots, out.complaints);
  return out;
}

void keep_slots(Draft& d) {
  // replication.md §1: only where /config exists.
  if (d.cluster.config.version.absent()) return;
  if (const bool on = needs_feedback(d.view); on != d.facts().feedback_forced) d.add(duty::ForceFeedback{on});
  // replication.md §7: not while the server is starting.
  if (!has_fresh_probe(d.view) || !d.facts().accepts() || is_starting(d.view)) return;
  DesiredSlots desired = desired_slots(d.view);
  for (const auto& complaint : desired.complaints)
    d.say_each_minute(log::Level::error, complaint.code, complaint.arguments, complaint.arguments.front());
  if (const std::string shared = shared_slot_names(d.cluster); !shared.empty())
    d.say_each_minute(log::Level::error, Code::slot_names_shared, {shared});
  const auto& probe = *d.facts().probe;
  const postgres::SlotsWanted wanted = wanted_of(d, std::move(desired.slots));
  // What is not ready yet is asked after with each cycle.
  const bool asks = probe.in_recovery && !d.facts().unready_slots.empty() && wanted.leader;
  if (asks || !postgres::slot_steps(probe, wanted).empty()) d.add(duty::Slots{wanted});
  copy_slots(d, wanted);
}

}  // namespace tanist::ha::policy
