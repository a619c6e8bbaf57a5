#include "ha/policy/branches.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <string_view>
#include <utility>

#include "ha/policy/questions.h"
#include "ha/policy/timelines.h"

namespace tanist::ha::policy {
namespace {

void forget_promotion(BranchNoted& note) {
  note.from = {};
  note.next.clear();
  note.promoted = false;
}

void learn(BranchNoted& note, Timeline timeline, std::string branch) {
  note.timeline = timeline;
  note.branch = std::move(branch);
  forget_promotion(note);
}

/// Of a server that is down. nullopt: its control file was not read since, or says neither.
std::optional<bool> ended_as_primary(const postgres::Facts& facts) {
  static constexpr std::array<std::string_view, 3> kPrimary = {"in production", "shutting down", "shut down"};
  static constexpr std::array<std::string_view, 2> kStandby = {"in archive recovery",
                                                               "shut down in recovery"};
  const auto& control = facts.control;
  if (!control || control->seen_at < facts.process_since) return std::nullopt;
  if (std::ranges::find(kPrimary, control->cluster_state) != kPrimary.end()) return true;
  if (std::ranges::find(kStandby, control->cluster_state) != kStandby.end()) return false;
  return std::nullopt;
}

/// The timeline that own WAL went on to from this one; 0: it is on it still, or its way is not known.
Timeline after_timeline(const View& view, Timeline from) {
  const auto way = own_way(view);
  if (!way) return {};
  const auto left = std::ranges::find(*way, from, [](const HistoryLine& line) { return line.parent; });
  if (left == way->end()) return {};
  return std::next(left) == way->end() ? own_timeline(view) : std::next(left)->parent;
}

/// The leadership that this member holds, and has signed. Who took the key without knowing its own timeline,
/// as a primary may in pause, tells nothing of what it began since.
const dcs::LedFrom* own_leadership(const View& view) {
  if (!view.store.ok || !view.has_lock() || view.cluster().leadership_name != view.self.name) return nullptr;
  const auto& from = view.cluster().led_from;
  return from && from->timeline ? &*from : nullptr;
}

/// The promotion that was told ends, or has ended, or did not come to anything.
void see_promotion(BranchNoted& note, const View& view) {
  const auto& facts = view.postgres.facts;
  if (facts.process == postgres::Process::none) {
    const auto primary = ended_as_primary(facts);
    if (primary == false) forget_promotion(note);
    if (primary == true) note.promoted = true;
    return;
  }
  if (!has_fresh_probe(view) || view.postgres.promoting) return;
  const Timeline mine = own_timeline(view);
  if (!mine) return;
  if (!facts.probe->in_recovery) {
    if (mine <= note.from) return forget_promotion(note);
    // It may have been told under a leadership before this one, under which it ends.
    const auto* leadership = own_leadership(view);
    const bool drawn_anew = leadership && !leadership->next.empty() && leadership->timeline < mine;
    return learn(note, mine, drawn_anew ? leadership->next : note.next);
  }
  if (view.operation) return;
  if (!note.promoted) return forget_promotion(note);
  // It crashed, and is a standby since: it may have gone on to a later one by now.
  if (!own_way(view) || mine == note.from) return;
  const Timeline begun = after_timeline(view, note.from);
  if (!begun) return forget_promotion(note);
  learn(note, begun, note.next);
}

/// The promotion under this leadership has begun the own timeline, by the way of it. A standby that was
/// promoted apart may stream from the leader all the same, where the number is the same.
bool begun_under(const View& view, const dcs::LedFrom& from) {
  const auto way = own_way(view);
  if (own_timeline(view) <= from.timeline || !way || way->empty()) return false;
  const HistoryLine& last = way->back();
  // Who crashes and keeps the key is promoted once more under it.
  const auto& told = view.cluster().history.lines;
  if (!told.empty() && told.back().new_leader == view.cluster().leadership_name &&
      told.back().parent == last.parent)
    return last.parent >= from.timeline && told.back().switch_lsn == last.switch_lsn;
  return last.parent == from.timeline && last.switch_lsn >= from.replayed;
}

}  // namespace

std::string branch_told(const View& view) {
  // The timelines of a standby cluster are those of another: nobody here begins one.
  if (!view.store.ok || !view.store.cluster || view.settings.dynamic.standby_cluster) return {};
  if (const auto* from = own_leadership(view))
    return is_primary(view) && begun_under(view, *from) ? from->next : std::string();
  const dcs::Cluster& cluster = view.cluster();
  const std::string leader = cluster.leader_name();
  if (!locked_by_other(view) || led_by_promise(view) || !cluster.led_from || !cluster.led_from->timeline ||
      cluster.leadership_name != leader || !streams_from(view, leader))
    return {};
  const auto& from = *cluster.led_from;
  const Timeline mine = own_timeline(view);
  if (mine == from.timeline) return from.branch;
  const dcs::Member* key = cluster.leader_member();
  const bool tells = key && key->role == "primary" && key->timeline == mine;
  return tells && begun_under(view, from) ? from.next : std::string();
}

BranchNoted after(BranchNoted note, const View& view) {
  const auto& facts = view.postgres.facts;
  const bool replaced = view.operation && view.operation->kind != OperationKind::promote;
  if (view.settings.dynamic.standby_cluster || replaced) return note;
  if (!note.next.empty()) see_promotion(note, view);
  const Timeline mine = own_timeline(view);
  if (!mine || !note.next.empty() || facts.data_directory != postgres::DataDirectory::ok ||
      (note.timeline == mine && !note.branch.empty()))
    return note;
  if (auto told = branch_told(view); !told.empty()) learn(note, mine, std::move(told));
  return note;
}

}  // namespace tanist::ha::policy
