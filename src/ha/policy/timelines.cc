#include "ha/policy/timelines.h"

#include <algorithm>
#include <ranges>

#include "ha/policy/decide.h"
#include "ha/policy/questions.h"
#include "ha/policy/voting.h"

namespace tanist::ha::policy {
namespace {

/// A leader's member key tells its new timeline no later than this after others can have followed it there.
constexpr Duration kLeaderTellsItsTimeline = std::chrono::seconds(10);

void forget_shared(Standings& standings) {
  standings.shared_with.clear();
  standings.shared = {};
}

/// Both are known, and are not the same.
bool differ(const std::string& branch, const std::string& other) {
  return !branch.empty() && !other.empty() && branch != other;
}

/// Somebody was seen to lead who has not signed that he does, as a member of Patroni, since the key was taken
/// by the one whose name is there.
bool led_unsigned_since(const View& view, const dcs::Cluster& cluster) {
  for (const auto& seen : {view.store.cluster, view.store.last_with_leader})
    if (seen && !seen->unlocked() && seen->leadership_version == cluster.leadership_version &&
        seen->leader_name() != seen->leadership_name)
      return true;
  return false;
}

/// Who wrote the last line of /history; empty: that says nothing of those who lead now.
std::string author_of_history(const View& view, const dcs::Cluster& cluster) {
  const auto& lines = cluster.history.lines;
  if (lines.empty() || cluster.leadership_name.empty() || led_unsigned_since(view, cluster)) return {};
  return lines.back().new_leader;
}

}  // namespace

bool streams_from(const View& view, const std::string& leader) {
  if (!streams(view) || view.postgres.recovery_difference != postgres::RecoveryDifference::none) return false;
  const auto upstream = wanted_upstream(view);
  return upstream && upstream->member == leader;
}

std::string own_branch(const View& view, Timeline timeline) {
  const auto& known = view.postgres.branch;
  return timeline && known.timeline == timeline ? known.name : std::string();
}

WalEnd own_end(const View& view) {
  if (!has_fresh_probe(view)) return {};
  const auto& probe = *view.postgres.facts.probe;
  return {.timeline = own_timeline(view),
          .position = probe.position(),
          .replayed = probe.in_recovery ? probe.replay : probe.wal,
          .way = own_way(view),
          .branch = own_branch(view, own_timeline(view))};
}

dcs::LedFrom led_from(const View& view) {
  const WalEnd end = own_end(view);
  return {.timeline = end.timeline,
          .position = end.position,
          .replayed = end.replayed,
          .optime = view.cluster().status.optime,
          .branch = end.branch};
}

WalEnd end_of(const PeerAnswer& answer) {
  return {.timeline = answer.timeline,
          .position = answer.position,
          .replayed = answer.replayed,
          .way = answer.way,
          .branch = answer.branch};
}

bool holds(const WalEnd& mine, const WalEnd& its) {
  if (!mine.timeline || !its.timeline || !its.position || its.timeline > mine.timeline) return false;
  const auto line_from = [](const Way& way, Timeline timeline) {
    return std::ranges::find(way, timeline, [](const HistoryLine& line) { return line.parent; });
  };
  if (mine.way && its.way)
    for (const auto& line : *its.way) {
      // Older ones may have been dropped.
      if (!mine.way->empty() && line.parent < mine.way->front().parent) continue;
      const auto here = line_from(*mine.way, line.parent);
      if (here == mine.way->end() || here->switch_lsn != line.switch_lsn) return false;
    }
  if (its.timeline == mine.timeline) return !differ(mine.branch, its.branch) && its.position <= mine.position;
  if (!mine.way || mine.way->empty()) return true;
  const auto left = line_from(*mine.way, its.timeline);
  if (left == mine.way->end()) return its.timeline < mine.way->front().parent;
  // The begin of a record may have come that no promotion keeps.
  return its.position <= left->switch_lsn || its.replayed == left->switch_lsn;
}

bool left_before_end(const WalEnd& mine, const WalEnd& other) {
  if (!mine.timeline || !other.way) return false;
  const auto left =
      std::ranges::find(*other.way, mine.timeline, [](const HistoryLine& line) { return line.parent; });
  return left != other.way->end() && left->switch_lsn < mine.replayed;
}

Line::Line(const View& view) {
  const auto add = [&](const dcs::ClusterPtr& cluster) {
    if (!cluster) return;
    // A store that was wiped knows nothing; the last view with a leader does.
    // The timelines of a standby cluster are those of another, which nobody writes here.
    const Timeline told =
        view.settings.dynamic.standby_cluster ? Timeline{} : cluster->history.cluster_timeline();
    if (told && !history_) {
      history_ = &cluster->history;
      author_ = author_of_history(view, *cluster);
      took_last_ = cluster->leadership_name;
      if (author_ == took_last_) last_leader_ = author_;
      // Who took the key again may do so after another led, and has not been promoted for it yet.
      told_last_ = !last_leader_.empty() && cluster->led_from &&
                   cluster->led_from->timeline == cluster->history.lines.back().parent;
    }
    reaches(told);
    // /history is written a moment after a promotion, and not at all by a leader that dies in between.
    if (const dcs::Member* leader = cluster->leader_member()) reaches(leader->timeline);
  };
  add(view.store.cluster);
  if (outlived(view)) {
    author_.clear();
    last_leader_.clear();
  }
  const auto& last = view.store.last_with_leader;
  // What a leader of before was on says nothing of where the last one went on.
  const bool surpassed =
      !last_leader_.empty() && last && last->leadership_version != view.cluster().leadership_version;
  if (!surpassed) add(last);
  find_leadership(view);
}

/// What is known of the last leadership; nothing of one that /history has outlived, or was deleted with: with
/// that an operator gives up what it led to.
void Line::find_leadership(const View& view) {
  const auto& cluster = view.store.cluster;
  if (!cluster || !cluster->led_from || !cluster->led_from->timeline ||
      view.settings.dynamic.standby_cluster || led_unsigned_since(view, *cluster))
    return;
  if (!history_ && cluster->led_from->timeline != Timeline{1}) return;
  led_from_ = &*cluster->led_from;
  leadership_ = cluster->leadership_version;
  begun_ = begun_by_last(view);
}

/// To have taken the key is not to have been promoted: by /history, by the leader's member key, or by who has
/// followed it.
Timeline Line::begun_by_last(const View& view) const {
  const auto& next = led_from_->next;
  const auto later = [&](Timeline timeline) { return timeline > led_from_->timeline; };
  if (told_last_ && later(history_->cluster_timeline())) return history_->cluster_timeline();
  for (const auto& cluster : {view.store.cluster, view.store.last_with_leader}) {
    if (!cluster || cluster->leadership_version != leadership_ ||
        cluster->leader_name() != cluster->leadership_name)
      continue;
    const dcs::Member* leader = cluster->leader_member();
    if (leader && leader->role == "primary" && later(leader->timeline)) return leader->timeline;
  }
  const auto follows = [&](const WalEnd& end) {
    return !next.empty() && end.branch == next && later(end.timeline);
  };
  if (const WalEnd mine = own_end(view); follows(mine)) return mine.timeline;
  if (view.answers.peers)
    for (const auto& [name, answer] : *view.answers.peers)
      if (follows(end_of(answer))) return answer.timeline;
  return {};
}

bool Line::another_branch(const WalEnd& end) const {
  if (!led_from_ || !end.timeline) return false;
  if (end.timeline == led_from_->timeline) return differ(end.branch, led_from_->branch);
  return end.timeline == begun_ && differ(end.branch, led_from_->next);
}

bool Line::looks_alike(const WalEnd& end) const {
  return another_branch(end) && (!end.way || !history_ || history_->lines.empty() ||
                                 same_way(*end.way, std::min(end.timeline, history_->cluster_timeline())));
}

/// Who wrote the last line of /history is on other WAL than it tells of by now: it was copied or rewound from
/// somebody who led since, and did not come to write that.
bool Line::outlived(const View& view) const {
  if (author_.empty()) return false;
  const auto elsewhere = [&](const WalEnd& end) {
    return end.timeline && end.way &&
           !same_way(*end.way, std::min(end.timeline, history_->cluster_timeline()));
  };
  if (author_ == view.self.name) return elsewhere(own_end(view));
  const auto& answers = view.answers.peers;
  if (!answers) return false;
  const auto answer = answers->find(author_);
  return answer != answers->end() && elsewhere(end_of(answer->second));
}

bool Line::same_way(const Way& way, Timeline to) const {
  const auto& told = history_->lines;
  const Timeline from = way.empty() ? told.front().parent : std::max(told.front().parent, way.front().parent);
  const auto counts = [&](const HistoryLine& line) { return line.parent >= from && line.parent < to; };
  const auto same = [](const HistoryLine& a, const HistoryLine& b) {
    return a.parent == b.parent && a.switch_lsn == b.switch_lsn;
  };
  return std::ranges::equal(way | std::views::filter(counts), told | std::views::filter(counts), same);
}

bool Line::along(const WalEnd& end) const {
  if (author_.empty() || !end.way) return false;
  const Timeline last = history_->cluster_timeline();
  return end.timeline >= last && same_way(*end.way, last) && !another_branch(end);
}

bool Line::beside(const WalEnd& end, const std::string& name) const {
  if (another_branch(end)) return true;
  if (author_.empty() || !end.way || !end.timeline || name == took_last_) return false;
  return !same_way(*end.way, std::min(end.timeline, history_->cluster_timeline()));
}

bool Line::led_last_on(const WalEnd& end) const {
  if (last_leader_.empty() || !end.way) return false;
  const Timeline last = history_->cluster_timeline();
  return end.timeline == last && same_way(*end.way, last) && !another_branch(end);
}

bool Line::left_by(const std::string& name, const WalEnd& last, const WalEnd& other) const {
  return told_last_ && name == last_leader_ && led_last_on(last) && left_before_end(last, other);
}

void Line::reaches(Timeline timeline) {
  newest_ = std::max(newest_, timeline);
}

Standing Line::standing(const WalEnd& end) const {
  if (another_branch(end)) return Standing::diverged;
  if (!end.timeline || !newest_) return Standing::unknown;
  // Promoted beside the cluster's way, which it may have outnumbered since: the commits of the last leader
  // are not in this.
  if (!last_leader_.empty() && end.way &&
      !same_way(*end.way, std::min(end.timeline, history_->cluster_timeline())))
    return Standing::diverged;
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

Lsn position_to_reach(const View& view) {
  const dcs::Cluster& cluster = view.cluster();
  const auto& from = cluster.led_from;
  if (view.settings.dynamic.standby_cluster) return cluster.status.optime;
  if (!from || from->optime != cluster.status.optime || led_unsigned_since(view, cluster))
    return cluster.status.optime;
  // To have taken the key is not to have been promoted: as long as nobody was, a member that has more may
  // come back and lead with it.
  const auto promoted = [&](const HistoryLine& line) {
    return line.parent == from->timeline && line.switch_lsn >= from->replayed;
  };
  const auto& lines = cluster.history.lines;
  const auto by_another = [&](const HistoryLine& line) {
    return line.new_leader != cluster.leadership_name && promoted(line);
  };
  // An older promotion from the same point looks the same.
  if (std::ranges::any_of(lines, by_another)) return from->optime;
  const auto way = own_way(view);
  const bool mine = way && std::ranges::any_of(*way, promoted);
  const bool told =
      !lines.empty() && author_of_history(view, cluster) == cluster.leadership_name && promoted(lines.back());
  return mine || told ? std::min(from->position, from->optime) : from->optime;
}

RaceGround race_ground(const View& view) {
  return {.optime = view.cluster().status.optime,
          .history = view.cluster().history.version,
          .timeline = Line(view).newest(),
          .sync = sync_in_force(view) ? view.cluster().sync.version : dcs::Version()};
}

bool race_ground_moved(const RaceGround& then, const View& view) {
  const RaceGround now = race_ground(view);
  if (now.optime != then.optime || now.history != then.history || now.sync != then.sync) return true;
  return now.timeline != then.timeline && now.timeline > own_timeline(view);
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
