#include "ha/policy/race.h"

#include <fmt/format.h>

#include "core/names.h"
#include "ha/policy/manual_failover.h"
#include "ha/policy/questions.h"
#include "ha/policy/rejoin.h"
#include "ha/policy/slot_handover.h"
#include "ha/policy/standby_cluster.h"
#include "ha/policy/timelines.h"
#include "ha/policy/voting.h"
#include "ha/policy/zones.h"
#include "postgres/logical_slots.h"

namespace tanist::ha::policy {
namespace {

using namespace std::chrono_literals;

/// How long a member that lacks WAL of the last leader stands back for one that starts and may have it.
constexpr Duration kStartPatience = 10s;
/// How long one stands back for another of a zone that is preferred. That one is told of the free key as soon
/// as this one, and has it long before; unless something keeps it from the store.
constexpr Duration kZonePatience = 3s;

}  // namespace

std::string limitation(const PeerAnswer& answer, bool named) {
  if (!answer.reachable) return "not reachable";
  if (answer.nofailover) return "not allowed to promote";
  if (answer.watchdog_failed) return "not watchdog capable";
  if (answer.delayed && !answer.primary && !named) return "a delayed replica";
  return {};
}

namespace {

template <class Names>
std::string named(const Names& names) {
  std::string out;
  for (const auto& each : names) {
    if (!out.empty()) out += ", ";
    if constexpr (requires { each.first; }) {
      out += each.first;
    } else {
      out += each;
    }
  }
  return out.empty() ? "nobody" : out;
}

}  // namespace

bool ask(Draft& d, const std::map<std::string, std::string>& peers) {
  const auto& answers = d.view.answers.peers;
  const bool outdated = d.view.answers.asked_under != leadership_of(d.cluster);
  std::set<std::string> missing;
  for (const auto& [name, url] : peers)
    if (!answers || outdated || !answers->contains(name)) missing.insert(name);
  d.check(Rule::peers_asked, missing.empty(), {{"peers", missing.empty() ? named(peers) : named(missing)}});
  if (missing.empty()) return true;
  auto& needs = d.decision.needs;
  for (const auto& name : missing)
    if (!d.cluster.members.contains(name)) needs.peers_gone.insert(name);
  needs.peers = std::move(missing);
  return false;
}

namespace {

std::string timeline_text(Timeline timeline) {
  return std::to_string(timeline.value);
}

std::int64_t number_of(Timeline timeline) {
  return timeline.value;
}

/// Whether own WAL is the cluster's.
bool check_line(Draft& d, const Line& line, bool passed) {
  return d.check(
      Rule::on_cluster_line, passed,
      {{"timeline", number_of(own_timeline(d.view))}, {"cluster_timeline", number_of(line.newest())}});
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

/// replication.md §21: with as much, and the same priority, it stands where the next leader is rather to be.
bool leaves_it_to_zone_of(Draft& d, const std::string& name, const PeerAnswer& answer) {
  // Whoever has the key already leads.
  if (d.view.has_lock() || may_commit(d.view) || !d.cluster.members.contains(name)) return false;
  if (wanted_candidate(d.view) == d.me()) return false;
  const std::string last = led_last(d.view);
  if (same_name(name, last)) return false;
  // What consumers of slots would lose is more than a preference.
  if (!slots_lacking(answer, postgres::slots_fit_to_lead(d.facts())).empty()) return false;
  const std::string& mine = d.settings.tags.zone;
  if (zone_rank(d.view, answer.zone, last) >= zone_rank(d.view, mine, last)) return false;
  auto& since = d.memory.race.left_to_zone_since;
  if (!since) since = d.now();
  if (d.now() >= *since + kZonePatience) return false;
  d.check(Rule::peer_zone_not_better, false,
          {{"zone", mine.empty() ? "none" : mine}, {"peer_zone", answer.zone}}, name);
  d.say(log::Level::info, Code::peer_zone, {name, answer.zone, mine.empty() ? "none" : mine});
  return true;
}

/// ha.md §6.2.7 for one peer; false: it keeps me from taking the lock.
struct Count {
  int votes = 0;
  int ahead = 0;
};
bool stand_up_to(Draft& d, const Line& line, const std::string& name, const PeerAnswer& answer,
                 Count& count) {
  if (answer.primary) {
    d.say(log::Level::warning, Code::primary_alive, {name});
    return d.check(Rule::peer_is_no_primary, false, {}, name);
  }
  // What it has beyond the cluster's timeline is nothing that was promised to anybody since; and it holds
  // nobody back, for it may not lead itself.
  if (has_left(d.view, line, name, answer)) {
    d.say_each_minute(log::Level::info, Code::peer_diverged, {name, timeline_text(answer.timeline)}, name);
    return d.check(Rule::peer_is_no_rival, true, {{"why", "its WAL has left the cluster's"}}, name);
  }
  const WalEnd its = end_of(answer);
  if ((line.along(its) && line.beside(own_end(d.view), d.me())) || line.left_by(name, its, own_end(d.view))) {
    say_diverged(d, line);
    return check_line(d, line, false);
  }
  // Who is promoted says so in /sync first: this one was promoted by hand, and lacks what this member has
  // promised.
  if (sync_in_force(d.view) && same_name(d.me(), d.cluster.sync.leader) &&
      left_before_end(own_end(d.view), its))
    return d.check(Rule::peer_is_no_rival, true, {{"why", "its WAL has left what was promised"}}, name);
  // The newer timeline goes on where the older was left: whoever is on it has all that mattered of that one.
  const Timeline my_timeline = own_timeline(d.view);
  const bool known = my_timeline && answer.timeline;
  // Where own WAL is the last leader's, a member of Patroni with a higher number, which does not tell how it
  // came to that, was promoted beside it. It counts as for itself: by its position.
  const bool beside = !answer.way && line.led_last_on(own_end(d.view)) && name != line.last_leader();
  if (known && answer.timeline > my_timeline && answer.position && !beside) {
    d.say(log::Level::info, Code::peer_on_newer_timeline,
          {name, timeline_text(answer.timeline), timeline_text(my_timeline)});
    return d.check(Rule::peer_timeline_not_newer, false,
                   {{"timeline", number_of(my_timeline)}, {"peer_timeline", number_of(answer.timeline)}},
                   name);
  }
  const bool older = known && answer.timeline < my_timeline;
  const bool synchronous = sync_in_force(d.view);
  const bool quorum = quorum_in_force(d.view);
  const std::string former = synchronous                     ? d.cluster.sync.leader
                             : d.view.store.last_with_leader ? d.view.store.last_with_leader->leader_name()
                                                             : std::string();
  const Lsn mine = own_position(d.view);
  const std::string here = to_string(mine);
  const std::string there = to_string(answer.position);
  if (answer.position > mine && !older) {
    ++count.ahead;
    d.say(log::Level::info, Code::peer_ahead, {name});
    d.number("ahead_bytes", answer.position - mine);
    // What it has beyond this member is to be had where it came from.
    if (d.settings.dynamic.standby_cluster && request_in_force(d.view) && d.cluster.failover.leader == name)
      return d.check(Rule::peer_is_no_rival, true, {{"why", "it is the one to leave"}}, name);
    if (!synchronous || !same_name(name, d.cluster.sync.leader))
      return d.check(Rule::peer_not_ahead, false,
                     {{"position", here}, {"peer_position", there}, {"ahead_bytes", answer.position - mine}},
                     name);
    d.check(Rule::peer_is_no_rival, true, {{"why", "what the former leader has more, nobody was promised"}},
            name);
    d.say(log::Level::info, Code::former_leader_ahead);
  } else if (answer.position) {
    const int my_priority = d.settings.tags.failover_priority;
    bool low = answer.position == mine && !older && my_priority < answer.failover_priority;
    if (low && name == former) {
      d.say(log::Level::info, Code::former_leader_priority,
            {name, std::to_string(answer.failover_priority), std::to_string(my_priority)});
      low = false;
    }
    // Whom a switchover names as the leader to leave takes the lead only where nobody else can: who waited
    // for it would wait for ever.
    if (low && request_in_force(d.view) && d.cluster.failover.leader == name) low = false;
    if (low && (!quorum || in_voting_set(d.cluster, name))) {
      d.say(log::Level::info, Code::peer_priority,
            {name, std::to_string(answer.failover_priority), std::to_string(my_priority)});
      return d.check(Rule::peer_priority_not_higher, false,
                     {{"priority", my_priority}, {"peer_priority", answer.failover_priority}}, name);
    }
    if (answer.position == mine && !older && my_priority == answer.failover_priority &&
        (!quorum || in_voting_set(d.cluster, name)) && leaves_it_to_zone_of(d, name, answer))
      return false;
    d.check(Rule::peer_not_ahead, true, {{"position", here}, {"peer_position", there}}, name);
    if (quorum && in_voting_set(d.cluster, name) && holds(own_end(d.view), its)) {
      d.say(log::Level::info, Code::quorum_vote, {name});
      ++count.votes;
    }
  }
  return true;
}

/// replication.md §20: one that may not lead itself is asked all the same what it has.
bool votes_for_me(Draft& d, const Line& line, const std::string& name, const PeerAnswer& answer) {
  if (answer.primary || !in_voting_set(d.cluster, name) || has_left(d.view, line, name, answer) ||
      !holds(own_end(d.view), end_of(answer)))
    return false;
  d.say(log::Level::info, Code::quorum_vote, {name});
  return true;
}

}  // namespace

bool may_lead_by_sync(Draft& d, const std::map<std::string, std::string>& peers) {
  if (!sync_in_force(d.view)) return true;
  if (!may_be_elected(d.view)) return false;
  if (!quorum_in_force(d.view)) return true;
  const Line line(d.view);
  int votes = in_voting_set(d.cluster, d.me()) ? 0 : -1;
  for (const auto& [name, url] : peers) {
    const PeerAnswer& answer = d.view.answers.peers->at(name);
    if (answer.reachable && votes_for_me(d, line, name, answer)) ++votes;
  }
  return votes >= d.cluster.sync.quorum;
}

bool stands_back_delayed(Draft& d) {
  if (!stays_behind(d.settings.postgresql.replays_late, &d.cluster, d.me())) return false;
  d.check(Rule::replays_at_once, false);
  d.say_each_minute(log::Level::info, Code::delayed_not_racing);
  return true;
}

Verdict healthiest(Draft& d) {
  const View& view = d.view;
  const dcs::SyncState& sync = d.cluster.sync;
  const Lsn mine = own_position(view);
  if (!d.check(Rule::position_known, bool(mine), {{"position", to_string(mine)}})) {
    d.say_each_minute(log::Level::info, Code::position_unknown);
    return Verdict::no;
  }
  // Beyond ha.md §6, whatever check_timeline says: to promote this would undo commits that others have.
  const Line line(view);
  if (!check_line(d, line, !diverged(view, d.memory))) {
    say_diverged(d, line);
    return Verdict::no;
  }
  // ha.md §6.2.1
  const std::int64_t lag = position_to_reach(view) - mine;
  const std::int64_t limit = d.settings.dynamic.maximum_lag_on_failover;
  d.number("lag_bytes", lag);
  d.number("lag_limit_bytes", limit);
  if (!d.check(Rule::lag_within_limit, lag <= limit, {{"lag_bytes", lag}, {"limit_bytes", limit}})) {
    d.say(log::Level::info, Code::lag_exceeded);
    return Verdict::no;
  }
  // ha.md §6.2.2
  if (d.settings.dynamic.check_timeline && !d.settings.dynamic.standby_cluster) {
    const Timeline timeline = own_timeline(view);
    const Timeline last = d.cluster.history.cluster_timeline();
    d.check(Rule::timeline_current, timeline && timeline >= last,
            {{"timeline", number_of(timeline)}, {"cluster_timeline", number_of(last)}});
    if (!timeline) {
      d.say(log::Level::info, Code::timeline_unknown);
      return Verdict::no;
    }
    if (timeline < last) {
      d.say(log::Level::info, Code::timeline_behind, {timeline_text(timeline), timeline_text(last)});
      return Verdict::no;
    }
  }
  // ha.md §6.1.9
  if (sync_in_force(view) && !d.check(Rule::listed_for_sync, may_be_elected(view))) {
    d.say_each_minute(log::Level::info, Code::not_in_sync);
    return Verdict::no;
  }
  const auto peers = rivals(view);
  if (!ask(d, peers)) return Verdict::asking;
  const bool quorum = quorum_in_force(view);
  Count count{.votes = in_voting_set(d.cluster, d.me()) ? 0 : -1};
  for (const auto& [name, url] : peers) {
    const PeerAnswer& answer = view.answers.peers->at(name);
    if (const std::string limit = limitation(answer); !limit.empty()) {
      d.check(Rule::peer_is_no_rival, true, {{"why", limit}}, name);
      if (quorum && answer.reachable && answer.nofailover && votes_for_me(d, line, name, answer))
        ++count.votes;
      continue;
    }
    if (!stand_up_to(d, line, name, answer, count)) return Verdict::no;
  }
  // ha.md §6.2.8
  const bool elected =
      !quorum || count.votes >= sync.quorum || (count.ahead == 0 && same_name(d.me(), sync.leader));
  if (quorum) d.check(Rule::votes_enough, elected, {{"votes", count.votes}, {"quorum", sync.quorum}});
  return elected ? Verdict::yes : Verdict::no;
}

namespace {

/// ha.md §6.1.8: a primary without a store asks only those that are listed. Beyond it: what it has by their
/// word it has by that of all, so one of them that has promised nothing is enough to know that it leads no
/// more.
std::optional<Verdict> barred_by_failsafe(Draft& d) {
  const auto& listed = d.cluster.failsafe;
  if (!d.settings.dynamic.failsafe_mode || !listed || listed->empty()) return std::nullopt;
  if (listed->contains(d.me())) {
    d.check(Rule::listed_for_failsafe, true);
    return std::nullopt;
  }
  if (!ask(d, rivals(d.view))) return Verdict::asking;
  const bool over = std::ranges::any_of(*d.view.answers.peers, [&](const auto& peer) {
    return listed->contains(peer.first) && peer.second.in_failsafe == false;
  });
  if (d.check(Rule::listed_for_failsafe, over)) return std::nullopt;
  d.say_each_minute(log::Level::info, Code::not_in_failsafe);
  return Verdict::no;
}

/// ha.md §6.1
Verdict eligible(Draft& d) {
  const View& view = d.view;
  const auto& dynamic = d.settings.dynamic;
  // ha.md §6.1.1
  if (d.memory.race.not_before && d.now() < *d.memory.race.not_before) {
    d.check(Rule::pre_promote_wait_over, false,
            {{"left_seconds", seconds(*d.memory.race.not_before - d.now())}});
    d.say(log::Level::info, Code::skip_race_pre_promote);
    d.wake(*d.memory.race.not_before);
    return Verdict::no;
  }
  // ha.md §6.1.2
  if (dynamic.pause && !d.settings.tags.nofailover && request_in_force(view))
    if (const auto verdict = race_by_request(d)) return *verdict;
  // ha.md §6.1.3
  const bool up = !is_starting(view) && d.facts().running();
  if (!d.check(Rule::postgres_up, up, {{"state", to_string(view.postgres.state)}})) return Verdict::no;
  // ha.md §6.1.4: it has all that was ever written, unless the cluster has moved on without it.
  if (is_primary(view)) {
    const Timeline mine = own_timeline(view);
    const Timeline last = mine ? Line(view).newest() : d.cluster.history.cluster_timeline();
    if (!d.check(Rule::timeline_current, !(mine < last),
                 {{"timeline", number_of(mine)}, {"cluster_timeline", number_of(last)}})) {
      d.say_each_minute(log::Level::warning, Code::timeline_behind,
                        {timeline_text(mine), timeline_text(last)});
      return Verdict::no;
    }
    const auto& initialize = d.cluster.initialize.value;
    if (dynamic.pause)
      return initialize.empty() || initialize == d.facts().system_identifier ? Verdict::yes : Verdict::no;
    const Line line(view);
    if (!check_line(d, line, line.standing(own_end(view)) != Standing::diverged)) {
      say_diverged(d, line);
      return Verdict::no;
    }
    // One that somebody promoted by hand in a pause has promised nothing to anybody: what counts is what it
    // has of the one that did.
    if (sync_in_force(view) && !same_name(d.cluster.sync.leader, d.me())) return healthiest(d);
    return Verdict::yes;
  }
  // ha.md §6.1.5
  if (dynamic.pause || d.settings.tags.nofailover) {
    d.check(Rule::may_promote, false, {{"why", dynamic.pause ? "the pause" : "the tag nofailover"}});
    return Verdict::no;
  }
  d.check(Rule::may_promote, true);
  // ha.md §6.1.7
  if (!d.check(Rule::fence_usable, view.fence.usable)) {
    d.say(log::Level::warning, Code::watchdog_unusable);
    return Verdict::no;
  }
  // ha.md §6.1.6
  if (request_in_force(view)) return race_by_request(d).value_or(Verdict::no);
  // ha.md §6.1.8
  if (const auto barred = barred_by_failsafe(d)) return *barred;
  if (stands_back_delayed(d)) return Verdict::no;
  // ha.md §6.1.10
  const Verdict verdict = healthiest(d);
  return verdict == Verdict::yes && leaves_to_one_with_slots(d) ? Verdict::no : verdict;
}

/// ha.md §5.1
bool backing_off(Draft& d) {
  const Duration backoff = d.settings.dynamic.primary_race_backoff;
  if (d.settings.dynamic.pause || d.settings.dynamic.standby_cluster) return false;
  if (backoff <= Duration::zero() || !d.memory.race.previous_position) return false;
  if (!wanted_candidate(d.view).empty()) return false;
  // A running primary whose key has vanished has a moment to take it back, or is stopped.
  if (may_commit(d.view)) return false;
  if (!d.memory.race.backoff_since) d.memory.race.backoff_since = d.now();
  const Duration left = *d.memory.race.backoff_since + backoff - d.now();
  const bool streaming = d.facts().probe && d.facts().probe->receiver_state == "streaming";
  const bool moved = streaming && own_position(d.view) > d.memory.race.previous_position;
  if (!(left > Duration::zero() && moved) && left <= backoff - d.timing().loop_wait) return false;
  if (left > Duration::zero()) d.wake_in(left);
  d.check(Rule::wal_stands_still, false, {{"left_seconds", seconds(left)}});
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
    const std::int64_t lag = position_to_reach(d.view) - own_position(d.view);
    d.number("lag_bytes", lag);
    d.check(Rule::nobody_starts_with_more, false, {{"lag_bytes", lag}}, name);
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
  if (follow_remote_without_leader(d)) return true;
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
    if (sync_in_force(view) && !in_voting_set(cluster, peer.first)) return true;
    return barred.contains(peer.first) && !quorum_in_force(view);
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
  // What this decision itself writes would be another's word by then.
  if (d.writes<duty::Initialize>()) d.wake(d.now());
  if (!d.linearizable() || d.writes<duty::Initialize>()) return d.because(Code::race_asking);
  // Everything that this was decided on must still be as it was when the key is taken.
  dcs::AcquireConditions conditions;
  conditions.sync = d.cluster.sync.version;
  conditions.failsafe = d.cluster.failsafe_version;
  conditions.failover = d.cluster.failover.version;
  conditions.config = d.cluster.config.version;
  conditions.initialize = d.cluster.initialize.version;
  conditions.leadership = d.cluster.leadership_version;
  conditions.status = d.cluster.status_version;
  d.intend(intent::Acquire{.conditions = conditions, .from = led_from(d.view)});
  d.memory.race.acquiring = true;
  d.memory.race.acquired_on = race_ground(d.view);
  const auto& request = d.cluster.failover;
  d.memory.requested.raced_under = request.present() ? request.version : dcs::Version();
  return d.because(Code::acquiring);
}

std::optional<bool> failover_possible(Draft& d, Required required) {
  std::map<std::string, std::string> candidates;
  // ha.md §6.3: who names a candidate, and no leader to leave, has said that it may be lost.
  const auto& request = d.cluster.failover;
  const bool may_lose =
      request_in_force(d.view) && request.leader.empty() && request.candidate == required.only;
  for (const auto& [name, member] : d.cluster.members) {
    if (name == d.me() || member.api_url.empty() || member.nofailover()) continue;
    if (!required.only.empty() && name != required.only) continue;
    if (sync_in_force(d.view) && !d.cluster.sync.is_voter(name) && !may_lose) continue;
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
    if (const std::string limit = limitation(answer, name == required.only); !limit.empty()) {
      d.check(Rule::candidate_fit, false, {{"why", limit}}, name);
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
      d.check(Rule::candidate_fit, false, {{"why", "it lacks too much WAL"}}, name);
      d.say_each_minute(log::Level::info, Code::member_lags, {name}, name);
    } else if (has_left(d.view, line, name, answer)) {
      d.check(Rule::candidate_fit, false, {{"why", "its WAL has left the leader's"}}, name);
      d.say_each_minute(log::Level::info, Code::member_limited, {name, "diverged from the leader"}, name);
    } else if (elsewhere || (d.settings.dynamic.check_timeline && answer.timeline < last)) {
      d.check(Rule::candidate_fit, false, {{"why", "it is on another timeline"}}, name);
      d.say_each_minute(log::Level::info, Code::member_timeline_behind,
                        {timeline_text(answer.timeline), name, timeline_text(line.newest())}, name);
    } else if (const auto slots = slots_lacking(answer, required.slots); !slots.empty()) {
      d.check(Rule::candidate_fit, false,
              {{"why", "it is not ready for the logical slots " + postgres::quoted_names(slots)}}, name);
      d.say_each_minute(log::Level::info, Code::member_lacks_slots, {name, postgres::quoted_names(slots)},
                        name);
    } else {
      d.check(Rule::candidate_fit, true, {}, name);
      ++fit;
    }
  }
  d.number("candidates", fit);
  const int quorum = quorum_in_force(d.view) ? d.cluster.sync.quorum : 0;
  if (fit > 0 && required.only.empty() && fit < quorum + 1) {
    d.say_each_minute(log::Level::info, Code::quorum_unreachable, {std::to_string(quorum)});
    return false;
  }
  return fit > 0;
}

}  // namespace tanist::ha::policy
