#include "ha/policy/race.h"

#include <fmt/format.h>

#include "ha/policy/manual_failover.h"
#include "ha/policy/modes.h"
#include "ha/policy/questions.h"
#include "ha/policy/rejoin.h"
#include "ha/policy/timelines.h"

namespace tanist::ha::policy {
namespace {

using namespace std::chrono_literals;

/// How long a member that lacks WAL of the last leader stands back for one that starts and may have it.
constexpr Duration kStartPatience = 10s;

/// The voting set: those in /sync, when it is in force.
bool in_sync(const dcs::Cluster& cluster, const std::string& name) {
  return cluster.sync.is_member(name) || cluster.sync.is_voter(name);
}

}  // namespace

std::string limitation(const PeerAnswer& answer) {
  if (!answer.reachable) return "not reachable";
  if (answer.nofailover) return "not allowed to promote";
  if (answer.watchdog_failed) return "not watchdog capable";
  return {};
}

bool ask(Draft& d, const std::map<std::string, std::string>& peers) {
  const auto& answers = d.view.answers.peers;
  const bool outdated = d.view.answers.asked_under != leadership_of(d.cluster);
  std::set<std::string> missing;
  for (const auto& [name, url] : peers)
    if (!answers || outdated || !answers->contains(name)) missing.insert(name);
  if (missing.empty()) return true;
  auto& needs = d.decision.needs;
  for (const auto& name : missing)
    if (!d.cluster.members.contains(name)) needs.peers_gone.insert(name);
  needs.peers = std::move(missing);
  return false;
}

namespace {

std::string number_text(std::int64_t value) {
  return std::to_string(value);
}

std::string timeline_text(Timeline timeline) {
  return std::to_string(timeline.value);
}

}  // namespace

bool has_left(const View& view, const Line& line, const std::string& name, const PeerAnswer& answer) {
  const std::string& me = view.self.name;
  const WalEnd mine = own_end(view);
  const WalEnd end = end_of(answer);
  return answer.diverged || line.standing(end) == Standing::diverged ||
         (line.along(mine) && line.beside(end, name)) || line.left_by(me, mine, end);
}

void say_diverged(Draft& d, const Line& line) {
  d.say_each_minute(log::Level::warning, Code::diverged_not_racing,
                    {timeline_text(own_timeline(d.view)), timeline_text(line.newest())});
}

namespace {

/// ha.md §6.2.7 for one peer; false: it keeps me from taking the lock.
struct Count {
  int votes = 0;
  int ahead = 0;
};
bool stand_up_to(Draft& d, const Line& line, const std::string& name, const PeerAnswer& answer,
                 Count& count) {
  if (answer.primary) {
    d.say(log::Level::warning, Code::primary_alive, {name});
    return false;
  }
  // What it has beyond the cluster's timeline is nothing that was promised to anybody since; and it holds
  // nobody back, for it may not lead itself.
  if (has_left(d.view, line, name, answer)) {
    d.say_each_minute(log::Level::info, Code::peer_diverged, {name, timeline_text(answer.timeline)}, name);
    return true;
  }
  const WalEnd its = end_of(answer);
  if ((line.along(its) && line.beside(own_end(d.view), d.me())) || line.left_by(name, its, own_end(d.view))) {
    say_diverged(d, line);
    return false;
  }
  // The newer timeline goes on where the older was left: whoever is on it has all that mattered of that one.
  const Timeline my_timeline = own_timeline(d.view);
  const bool known = my_timeline && answer.timeline;
  // Where own WAL is the last leader's, a member of Patroni with a higher number, which does not tell how it
  // came to that, was promoted beside it. It counts as for itself: by its position.
  const bool beside = !answer.way && line.led_last_on(own_end(d.view)) && name != line.last_leader();
  if (known && answer.timeline > my_timeline && answer.position && !beside) {
    d.say(log::Level::info, Code::peer_on_newer_timeline,
          {name, timeline_text(answer.timeline), timeline_text(my_timeline)});
    return false;
  }
  const bool older = known && answer.timeline < my_timeline;
  const bool quorum = d.cluster.sync.active() && d.cluster.sync.quorum > 0;
  const std::string former = d.cluster.sync.active()         ? d.cluster.sync.leader
                             : d.view.store.last_with_leader ? d.view.store.last_with_leader->leader_name()
                                                             : std::string();
  const Lsn mine = own_position(d.view);
  if (answer.position > mine && !older) {
    ++count.ahead;
    d.say(log::Level::info, Code::peer_ahead, {name});
    d.number("ahead_bytes", answer.position - mine);
    if (!d.cluster.sync.active() || name != d.cluster.sync.leader) return false;
    d.say(log::Level::info, Code::former_leader_ahead);
  } else if (answer.position) {
    const int my_priority = d.settings.tags.failover_priority;
    bool low = answer.position == mine && !older && my_priority < answer.failover_priority;
    if (low && name == former) {
      d.say(log::Level::info, Code::former_leader_priority,
            {name, number_text(answer.failover_priority), number_text(my_priority)});
      low = false;
    }
    // Whom a switchover names as the leader to leave takes the lead only where nobody else can: who waited
    // for it would wait for ever.
    if (low && request_in_force(d.view) && d.cluster.failover.leader == name) low = false;
    if (low && (!quorum || in_sync(d.cluster, name))) {
      d.say(log::Level::info, Code::peer_priority,
            {name, number_text(answer.failover_priority), number_text(my_priority)});
      return false;
    }
    if (quorum && in_sync(d.cluster, name)) {
      d.say(log::Level::info, Code::quorum_vote, {name});
      ++count.votes;
    }
  }
  return true;
}

}  // namespace

Verdict healthiest(Draft& d) {
  const View& view = d.view;
  const dcs::SyncState& sync = d.cluster.sync;
  const Lsn mine = own_position(view);
  if (!mine) {
    d.say_each_minute(log::Level::info, Code::position_unknown);
    return Verdict::no;
  }
  // Beyond ha.md §6, whatever check_timeline says: to promote this would undo commits that others have.
  const Line line(view);
  if (diverged(view, d.memory)) {
    say_diverged(d, line);
    return Verdict::no;
  }
  // ha.md §6.2.1
  const std::int64_t lag = position_to_reach(view) - mine;
  d.number("lag_bytes", lag);
  d.number("lag_limit_bytes", d.settings.dynamic.maximum_lag_on_failover);
  if (lag > d.settings.dynamic.maximum_lag_on_failover) {
    d.say(log::Level::info, Code::lag_exceeded);
    return Verdict::no;
  }
  // ha.md §6.2.2
  if (d.settings.dynamic.check_timeline) {
    const Timeline timeline = own_timeline(view);
    const Timeline last = d.cluster.history.cluster_timeline();
    if (!timeline) {
      d.say(log::Level::info, Code::timeline_unknown);
      return Verdict::no;
    }
    if (timeline < last) {
      d.say(log::Level::info, Code::timeline_behind, {timeline_text(timeline), timeline_text(last)});
      return Verdict::no;
    }
  }
  const auto peers = rivals(view);
  if (!ask(d, peers)) return Verdict::asking;
  const bool quorum = sync.active() && sync.quorum > 0;
  Count count{.votes = quorum && in_sync(d.cluster, d.me()) ? 0 : -1};
  for (const auto& [name, url] : peers) {
    const PeerAnswer& answer = view.answers.peers->at(name);
    if (!limitation(answer).empty()) continue;
    if (!stand_up_to(d, line, name, answer, count)) return Verdict::no;
  }
  // ha.md §6.2.8
  const bool elected = !quorum || count.votes >= sync.quorum || (count.ahead == 0 && d.me() == sync.leader);
  return elected ? Verdict::yes : Verdict::no;
}

namespace {

/// ha.md §6.1
Verdict eligible(Draft& d) {
  const View& view = d.view;
  const auto& dynamic = d.settings.dynamic;
  // ha.md §6.1.1
  if (d.memory.race.not_before && d.now() < *d.memory.race.not_before) {
    d.say(log::Level::info, Code::skip_race_pre_promote);
    d.wake(*d.memory.race.not_before);
    return Verdict::no;
  }
  // ha.md §6.1.2
  if (dynamic.pause && !d.settings.tags.nofailover && request_in_force(view) &&
      mode_not_served(d.settings).empty())
    if (const auto verdict = race_by_request(d)) return *verdict;
  // ha.md §6.1.3
  if (is_starting(view) || !d.facts().running()) return Verdict::no;
  // ha.md §6.1.4: it has all that was ever written, unless the cluster has moved on without it.
  if (is_primary(view)) {
    const auto& initialize = d.cluster.initialize;
    if (dynamic.pause)
      return initialize.value.empty() || initialize.value == d.facts().system_identifier ? Verdict::yes
                                                                                         : Verdict::no;
    const Timeline mine = own_timeline(view);
    const Timeline last = mine ? Line(view).newest() : d.cluster.history.cluster_timeline();
    if (mine < last) {
      d.say(log::Level::warning, Code::timeline_behind, {timeline_text(mine), timeline_text(last)});
      return Verdict::no;
    }
    if (const Line line(view); line.standing(own_end(view)) == Standing::diverged) {
      say_diverged(d, line);
      return Verdict::no;
    }
    return Verdict::yes;
  }
  // ha.md §6.1.5
  if (dynamic.pause || d.settings.tags.nofailover) return Verdict::no;
  if (const std::string mode = mode_not_served(d.settings); !mode.empty()) {
    d.say_each_minute(log::Level::info, Code::not_racing_in_mode, {mode});
    return Verdict::no;
  }
  // ha.md §6.1.7
  if (!view.fence.usable) {
    d.say(log::Level::warning, Code::watchdog_unusable);
    return Verdict::no;
  }
  // ha.md §6.1.6
  if (request_in_force(view)) return race_by_request(d).value_or(Verdict::no);
  // ha.md §6.1.8
  const auto& failsafe = d.cluster.failsafe;
  if (dynamic.failsafe_mode && failsafe && !failsafe->empty() && !failsafe->contains(d.me())) {
    d.say_each_minute(log::Level::info, Code::not_in_failsafe);
    return Verdict::no;
  }
  // ha.md §6.1.9, and a quorum's set alike: what was promised to be synchronous is only on its members.
  if (d.cluster.sync.active() && !in_sync(d.cluster, d.me())) {
    d.say_each_minute(log::Level::info, Code::not_in_sync);
    return Verdict::no;
  }
  // ha.md §6.1.10
  return healthiest(d);
}

/// ha.md §5.1
bool backing_off(Draft& d) {
  const Duration backoff = d.settings.dynamic.primary_race_backoff;
  if (d.settings.dynamic.pause || backoff <= Duration::zero() || !d.memory.race.previous_position)
    return false;
  if (!wanted_candidate(d.view).empty()) return false;
  // A running primary whose key has vanished has a moment to take it back, or is stopped.
  if (may_commit(d.view)) return false;
  if (!d.memory.race.backoff_since) d.memory.race.backoff_since = d.now();
  const Duration left = *d.memory.race.backoff_since + backoff - d.now();
  const bool streaming = d.facts().probe && d.facts().probe->receiver_state == "streaming";
  const bool moved = streaming && own_position(d.view) > d.memory.race.previous_position;
  if (!(left > Duration::zero() && moved) && left <= backoff - d.timing().loop_wait) return false;
  if (left > Duration::zero()) d.wake_in(left);
  return d.because(Code::race_backoff, {d.me(), fmt::format("{:.0f}", seconds(left))});
}

/// Beyond ha.md §6: /status says that the last leader had more than I have, and a peer answers, but does not
/// tell a position yet. After a stop of all members that is how the former primary looks.
bool waits_for_a_starting_peer(Draft& d) {
  const auto& answers = d.view.answers.peers;
  if (!answers || may_commit(d.view) || position_to_reach(d.view) <= own_position(d.view)) return false;
  if (!d.memory.race.backoff_since) d.memory.race.backoff_since = d.now();
  if (d.now() >= *d.memory.race.backoff_since + kStartPatience) return false;
  for (const auto& [name, answer] : *answers) {
    const dcs::Member* member = d.cluster.member(name);
    if (!answer.starting || !member || member->nofailover()) continue;
    d.number("lag_bytes", position_to_reach(d.view) - own_position(d.view));
    d.say_each_minute(log::Level::info, Code::peer_starting, {name});
    return true;
  }
  return false;
}

bool stand_back(Draft& d) {
  const bool barred = d.settings.tags.nofailover && !d.settings.dynamic.pause;
  // ha.md §5.2: whoever is not to lead has to find out whom its WAL fits.
  if (barred || !wanted_candidate(d.view).empty()) trigger_check(d);
  d.wake_in(std::min(kLookAgain, d.timing().loop_wait));
  if (may_commit(d.view)) {
    if (d.settings.dynamic.pause) return d.because(Code::continue_without_lock);
    d.intend(intent::Demote{DemoteMode::immediate_nolock});
    trigger_check(d);
    return d.because(barred ? Code::demoting_not_allowed : Code::demoting_not_healthiest);
  }
  return d.because(barred ? Code::not_allowed_to_promote : Code::not_healthiest);
}

/// Its position says nothing of what it has of the leader's WAL: whatever came after the timeline was left is
/// not what was asked for.
bool on_another_timeline(const Line& line, const PeerAnswer& answer, bool exact) {
  if (!exact || !line.newest()) return false;
  // Where there was one timeline only, a member that does not tell its own can be on no other.
  if (!answer.timeline && line.newest().value == 1) return false;
  return answer.timeline != line.newest();
}

}  // namespace

std::optional<bool> fit_to_lead(Draft& d) {
  switch (healthiest(d)) {
    case Verdict::asking: return std::nullopt;
    case Verdict::yes: return true;
    case Verdict::no: break;
  }
  return false;
}

std::map<std::string, std::string> rivals(const View& view) {
  std::map<std::string, std::string> urls;
  std::set<std::string> barred;
  const auto add = [&](const dcs::ClusterPtr& cluster) {
    if (!cluster) return;
    for (const auto& [name, member] : cluster->members) {
      if (member.api_url.empty()) continue;
      urls[name] = member.api_url;
      if (member.nofailover()) {
        barred.insert(name);
      } else {
        barred.erase(name);
      }
    }
  };
  add(view.store.last_with_leader);
  if (!view.store.cluster) return {};
  const dcs::Cluster& cluster = view.cluster();
  if (view.settings.dynamic.failsafe_mode && cluster.failsafe)
    for (const auto& [name, url] : *cluster.failsafe)
      if (!url.empty()) urls[name] = url;
  add(view.store.cluster);
  std::erase_if(urls, [&](const auto& peer) {
    if (peer.first == view.self.name) return true;
    const bool quorum = cluster.sync.active() && cluster.sync.quorum > 0;
    if (cluster.sync.active() && !in_sync(cluster, peer.first)) return true;
    return barred.contains(peer.first) && !quorum;
  });
  return urls;
}

bool race_for_lock(Draft& d) {
  // A lost reply is resolved on a linearizable view, which says "free": nothing was won.
  d.memory.race.acquiring = false;
  if (backing_off(d)) return true;
  switch (eligible(d)) {
    case Verdict::no: return stand_back(d);
    case Verdict::asking: d.linearizable(); return d.because(Code::race_asking);
    case Verdict::yes: break;
  }
  // Who asked for a failover to this member has said that it is not to wait for others.
  const bool forced = wanted_candidate(d.view) == d.me() && d.cluster.failover.leader.empty();
  if (!forced && waits_for_a_starting_peer(d)) return stand_back(d);
  if (!d.linearizable()) return d.because(Code::race_asking);
  // Everything that this was decided on must still be as it was when the key is taken.
  dcs::AcquireConditions conditions;
  conditions.sync = d.cluster.sync.version;
  conditions.failsafe = d.cluster.failsafe_version;
  conditions.failover = d.cluster.failover.version;
  conditions.config = d.cluster.config.version;
  conditions.initialize = d.cluster.initialize.version;
  conditions.leadership = d.cluster.leadership_version;
  conditions.status = d.cluster.status_version;
  const WalEnd end = own_end(d.view);
  d.intend(intent::Acquire{.conditions = conditions,
                           .from = {.timeline = end.timeline,
                                    .position = end.position,
                                    .replayed = end.replayed,
                                    .optime = d.cluster.status.optime}});
  d.memory.race.acquiring = true;
  d.memory.race.acquired_on = race_ground(d.view);
  const auto& request = d.cluster.failover;
  d.memory.requested.raced_under = request.present() ? request.version : dcs::Version();
  return d.because(Code::acquiring);
}

std::optional<bool> failover_possible(Draft& d, Required required) {
  std::map<std::string, std::string> candidates;
  for (const auto& [name, member] : d.cluster.members) {
    if (name == d.me() || member.api_url.empty() || member.nofailover()) continue;
    if (!required.only.empty() && name != required.only) continue;
    if (d.cluster.sync.active() && !d.cluster.sync.is_voter(name)) continue;
    candidates[name] = member.api_url;
  }
  if (candidates.empty()) {
    d.say_each_minute(log::Level::warning, Code::candidates_empty, {required.action});
    return false;
  }
  if (!ask(d, candidates)) return std::nullopt;
  // What is asked for is on the timeline of who asks: the leader, whose member key is silent while it stops.
  Line line(d.view);
  line.reaches(own_timeline(d.view));
  if (d.facts().control) line.reaches(d.facts().control->checkpoint_timeline);
  int fit = 0;
  for (const auto& [name, url] : candidates) {
    const PeerAnswer& answer = d.view.answers.peers->at(name);
    if (const std::string limit = limitation(answer); !limit.empty()) {
      d.say_each_minute(log::Level::info, Code::member_limited, {name, limit}, name);
      continue;
    }
    const Timeline last = d.cluster.history.cluster_timeline();
    const bool elsewhere = on_another_timeline(line, answer, required.at_least.has_value());
    const bool short_of =
        required.at_least
            ? answer.position < *required.at_least ||
                  (answer.position == *required.at_least && !required.or_equal)
            : position_to_reach(d.view) - answer.position > d.settings.dynamic.maximum_lag_on_failover;
    if (short_of) {
      d.say_each_minute(log::Level::info, Code::member_lags, {name}, name);
    } else if (has_left(d.view, line, name, answer)) {
      d.say_each_minute(log::Level::info, Code::member_limited, {name, "diverged from the leader"}, name);
    } else if (elsewhere || (d.settings.dynamic.check_timeline && answer.timeline < last)) {
      d.say_each_minute(log::Level::info, Code::member_timeline_behind,
                        {timeline_text(answer.timeline), name, timeline_text(line.newest())}, name);
    } else {
      ++fit;
    }
  }
  d.number("candidates", fit);
  const int quorum = d.cluster.sync.active() ? d.cluster.sync.quorum : 0;
  if (fit > 0 && quorum > 0 && fit < quorum + 1) {
    d.say_each_minute(log::Level::info, Code::quorum_unreachable, {number_text(quorum)});
    return false;
  }
  return fit > 0;
}

}  // namespace tanist::ha::policy
