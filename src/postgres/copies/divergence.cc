#include "postgres/copies/divergence.h"

#include <algorithm>

#include "core/format.h"

namespace tanist::postgres {
namespace {

using Lines = std::vector<HistoryLine>;
using Verdict = Comparison::Verdict;

/// The first switch before timeline `before` that one of them knows and the other does not, or elsewhere;
/// nullopt: the way to that timeline is the same.
std::optional<std::string> first_difference(const Lines& ours, const Lines& theirs, Timeline before) {
  const auto is_earlier = [&](const HistoryLine& line) { return line.parent < before; };
  const auto ours_end = std::ranges::find_if_not(ours, is_earlier);
  const auto theirs_end = std::ranges::find_if_not(theirs, is_earlier);
  auto a = ours.begin();
  auto b = theirs.begin();
  for (; a != ours_end && b != theirs_end; ++a, ++b) {
    if (a->parent == b->parent && a->switch_lsn == b->switch_lsn) continue;
    return fmt::format("timeline {} was left at {} here, the leader left timeline {} at {}", a->parent.value,
                       to_string(a->switch_lsn), b->parent.value, to_string(b->switch_lsn));
  }
  if (a == ours_end && b == theirs_end) return std::nullopt;
  return fmt::format("the way to timeline {} has {} switches here, the leader's has {}", before.value,
                     ours_end - ours.begin(), theirs_end - theirs.begin());
}

}  // namespace

std::optional<WalEnd> end_of_stopped(const ControlData& control) {
  const bool recovering =
      control.cluster_state == "shut down in recovery" || control.cluster_state == "in archive recovery";
  if (recovering && control.min_recovery_end && control.min_recovery_timeline)
    return WalEnd{control.min_recovery_timeline, control.min_recovery_end, true};
  if (!recovering && control.cluster_state != "shut down") return std::nullopt;
  if (!control.checkpoint_timeline || !control.latest_checkpoint) return std::nullopt;
  return WalEnd{control.checkpoint_timeline, control.latest_checkpoint, false};
}

Comparison compare_wal(const WalEnd& local, const std::optional<Lines>& local_history, Timeline leader,
                       Lsn leader_flushed, const Lines& leader_history) {
  if (local.timeline > leader) return {Verdict::diverged, "the local timeline is newer", {}};
  if (local_history) {
    if (const auto difference = first_difference(*local_history, leader_history, local.timeline))
      return {local.timeline == leader ? Verdict::beyond_rewind : Verdict::diverged, *difference, {}};
  }
  if (local.timeline == leader) {
    // A leader has all WAL of its timeline that anybody can have of it.
    if (leader_flushed && local.lsn > leader_flushed)
      return {Verdict::beyond_rewind,
              fmt::format("the leader's WAL of the same timeline ends at {}", to_string(leader_flushed)),
              {}};
    return {Verdict::none, "same timeline", {}};
  }
  const auto line = std::ranges::find(leader_history, local.timeline, &HistoryLine::parent);
  if (line == leader_history.end())
    return {Verdict::diverged, "the leader's history does not know the local timeline", {}};
  std::string why = "the leader left this timeline at " + to_string(line->switch_lsn);
  if (local.in_recovery) {
    const bool past = local.lsn > line->switch_lsn;
    return {past ? Verdict::diverged : Verdict::none, std::move(why), line->switch_lsn};
  }
  const bool past = local.lsn >= line->switch_lsn;
  return {past ? Verdict::diverged : Verdict::depends_on_checkpoint, std::move(why), line->switch_lsn};
}

}  // namespace tanist::postgres
