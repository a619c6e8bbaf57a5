#include "ha/policy/timelines.h"

#include <algorithm>

#include "ha/policy/decide.h"
#include "ha/policy/questions.h"

namespace tanist::ha::policy {
namespace {

/// A leader's member key tells its new timeline no later than this after others can have followed it there.
constexpr Duration kLeaderTellsItsTimeline = std::chrono::seconds(10);

/// Its WAL comes from this leader: by the settings that are in force, and no server serves a timeline that it
/// has not been on.
bool streams_from(const View& view, const std::string& leader) {
  if (!streams(view) || view.postgres.recovery_difference != postgres::RecoveryDifference::none) return false;
  const auto upstream = wanted_upstream(view);
  return upstream && upstream->member == leader;
}

void forget_shared(Standings& standings) {
  standings.shared_with.clear();
  standings.shared = {};
}

}  // namespace

WalEnd own_end(const View& view) {
  if (!has_fresh_probe(view)) return {};
  const auto& probe = *view.postgres.facts.probe;
  return {.timeline = own_timeline(view),
          .position = probe.position(),
          .replayed = probe.in_recovery ? probe.replay : probe.wal};
}

WalEnd end_of(const PeerAnswer& answer) {
  return {.timeline = answer.timeline, .position = answer.position, .replayed = answer.replayed};
}

Line::Line(const View& view) {
  const auto add = [this](const dcs::ClusterPtr& cluster) {
    if (!cluster) return;
    // A store that was wiped knows nothing; the last view with a leader does.
    const Timeline told = cluster->history.cluster_timeline();
    if (told && !history_) history_ = &cluster->history;
    reaches(told);
    // /history is written a moment after a promotion, and not at all by a leader that dies in between.
    if (const dcs::Member* leader = cluster->leader_member()) reaches(leader->timeline);
  };
  add(view.store.cluster);
  add(view.store.last_with_leader);
}

void Line::reaches(Timeline timeline) {
  newest_ = std::max(newest_, timeline);
}

Standing Line::standing(const WalEnd& end) const {
  if (!end.timeline || !newest_) return Standing::unknown;
  if (end.timeline >= newest_) return Standing::current;
  // Newer than all that the history tells of.
  if (!history_ || end.timeline >= history_->cluster_timeline()) return Standing::unknown;
  const auto left =
      std::ranges::find(history_->lines, end.timeline, [](const HistoryLine& line) { return line.parent; });
  // The cluster went on without it, or so long ago that max_timelines_history has dropped the line: nothing
  // says that this WAL is a part of the cluster's.
  if (left == history_->lines.end()) return Standing::diverged;
  if (!left->switch_lsn || !end.position) return Standing::unknown;
  if (end.position <= left->switch_lsn) return Standing::behind;
  // A host that dies may have sent the begin of a record only: its replicas have received more than can ever
  // be replayed, and a promotion takes the end of the last whole record.
  return end.replayed == left->switch_lsn ? Standing::behind : Standing::diverged;
}

bool diverged(const View& view, const Memory& memory) {
  using Rewind = RewindState;
  if (memory.rejoin.rewind == Rewind::need || memory.rejoin.rewind == Rewind::failed ||
      memory.rejoin.beyond_rewind)
    return true;
  return memory.rejoin.found_diverged || memory.standings.astray ||
         Line(view).standing(own_end(view)) == Standing::diverged;
}

RaceGround race_ground(const View& view) {
  return {.optime = view.cluster().status.optime,
          .history = view.cluster().history.version,
          .timeline = Line(view).newest()};
}

void watch_timeline(const View& view, Memory& memory) {
  if (!view.store.ok || !view.store.cluster || !locked_by_other(view)) return;
  auto& standings = memory.standings;
  const std::string& name = view.cluster().leader_name();
  if (standings.shared_with != name) forget_shared(standings);
  const Timeline mine = own_timeline(view);
  if (!mine || is_primary(view)) return;
  // Its member key may tell an older timeline for as long as the leader cannot write it, or a watch that lags
  // has not brought it; and it stays behind where the leader dies meanwhile.
  if (streams_from(view, name)) share_timeline(standings, name, mine);
  const dcs::Member* leader = view.cluster().leader_member();
  const bool shared = mine <= standings.shared;
  if (!shared && (!leader || leader->role != "primary" || !leader->timeline)) return;
  if (shared || mine <= leader->timeline) {
    standings.beyond_leader_since.reset();
    standings.astray = false;
    return;
  }
  if (!standings.beyond_leader_since) standings.beyond_leader_since = view.now;
  standings.astray = view.now - *standings.beyond_leader_since >= kLeaderTellsItsTimeline;
}

void share_timeline(Standings& standings, const std::string& leader, Timeline mine) {
  standings.shared_with = leader;
  standings.shared = mine;
}

}  // namespace tanist::ha::policy
