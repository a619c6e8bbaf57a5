#include "ha/policy/manual_failover.h"

#include <fmt/format.h>
#include <algorithm>
#include <utility>

#include "ha/policy/questions.h"
#include "ha/policy/rejoin.h"
#include "ha/policy/slot_handover.h"
#include "ha/policy/standby_cluster.h"
#include "ha/policy/timelines.h"
#include "postgres/logical_slots.h"

namespace tanist::ha::policy {
namespace {

using namespace std::chrono_literals;

/// Whoever is to lead replays what it has received before it accepts writes: so much is done in a moment.
constexpr std::uint64_t kCloseEnough = 1 << 20;
/// How long a leader waits for that. What is received is replayed some day: then the clients are stopped all
/// the same. What is not received would be lost: then they are not.
constexpr Duration kCatchUpPatience = 5s;
constexpr Duration kCatchUpLook = 200ms;
/// A candidate that answers, and does not take the key for so long, does not get there: its store is out of
/// reach, or its data directory.
constexpr Duration kCandidatePatience = 10s;

std::string verb_of(const dcs::Failover& request) {
  return request.leader.empty() ? "failover" : "switchover";
}

/// As it begins a sentence.
std::string title_of(const dcs::Failover& request) {
  return request.leader.empty() ? "Manual Failover" : "Switchover";
}

/// Its key is rewritten, now or, where that fails, with a later decision; nothing else is done for it.
void finish(Draft& d, std::string candidate_left = {}) {
  const auto& request = d.cluster.failover;
  d.memory.requested.over = request.version;
  d.add(duty::Failover{.version = request.version, .candidate = std::move(candidate_left)});
}

/// Refused before anything was done: the reason is told, and the rest of the decision goes on.
bool refuse(Draft& d, Code why, std::vector<std::string> arguments) {
  d.say(log::Level::warning, why, std::move(arguments));
  d.say(log::Level::info, Code::request_cleaning_up);
  finish(d);
  return false;
}

Required candidates_of(const dcs::Failover& request) {
  Required required;
  required.only = request.candidate;
  required.action = action_of(request);
  return required;
}

enum class Possible { asking, yes, no, not_with_slots };

/// replication.md §9: a switchover promises that nothing is lost, and what its consumer has not got of a
/// logical slot would be. Who has asked for a failover has said that it may be.
Possible possible(Draft& d) {
  const auto& request = d.cluster.failover;
  Required required = candidates_of(request);
  if (!request.leader.empty()) required.slots = slots_to_hand_over(d.view);
  auto fit = failover_possible(d, required);
  if (!fit) return Possible::asking;
  if (*fit) return Possible::yes;
  if (required.slots.empty()) return Possible::no;
  required.slots.clear();
  fit = failover_possible(d, required);
  return fit && *fit ? Possible::not_with_slots : Possible::no;
}

/// Who of those that are asked lacks which: `n2`, or `n2 or n3`, and the slots.
std::vector<std::string> who_lacks_slots(const Draft& d) {
  const auto& wanted = d.cluster.failover.candidate;
  std::string names;
  std::vector<std::string> slots;
  for (const auto& [name, answer] : *d.view.answers.peers) {
    if (!wanted.empty() && name != wanted) continue;
    const auto missing = slots_lacking(answer, slots_to_hand_over(d.view));
    if (missing.empty()) continue;
    names += (names.empty() ? "" : " or ") + name;
    for (const auto& slot : postgres::lacking(missing, slots)) slots.push_back(slot);
    std::ranges::sort(slots);
  }
  return {names, postgres::quoted_names(slots)};
}

bool refuse_as_not_possible(Draft& d, Possible why) {
  const auto& request = d.cluster.failover;
  const std::string action = action_of(request);
  if (why != Possible::not_with_slots)
    return refuse(d, Code::request_not_possible, {action, verb_of(request)});
  auto who = who_lacks_slots(d);
  return refuse(d, Code::request_slots_not_ready, {action, std::move(who[0]), std::move(who[1])});
}

enum class Due { not_yet, now, refused };

/// ha.md §7.2.2
Due due(Draft& d) {
  const auto& request = d.cluster.failover;
  if (!request.scheduled_at && request.invalid_schedule.empty()) return Due::now;
  if (d.settings.dynamic.pause) return Due::not_yet;
  const auto refused = [&](Code why, std::vector<std::string> arguments) {
    refuse(d, why, std::move(arguments));
    return Due::refused;
  };
  if (!request.scheduled_at) return refused(Code::request_schedule_wrong, {request.invalid_schedule});
  const std::string at = iso8601(*request.scheduled_at);
  const Duration left = *request.scheduled_at - d.view.wall_now;
  const Duration loop_wait = d.timing().loop_wait;
  if (left > Duration::zero()) {
    d.wake_in(left);
    if (left > loop_wait)
      d.say_each_minute(log::Level::info, Code::awaiting_schedule,
                        {verb_of(request), at, fmt::format("{:.0f}", seconds(left))}, verb_of(request));
    return Due::not_yet;
  }
  if (-left > std::chrono::floor<std::chrono::seconds>(loop_wait * 3 / 2))
    return refused(Code::schedule_stale, {verb_of(request), at});
  return Due::now;
}

/// How far those are who may take over.
enum class Progress { receiving, replaying, ready };
Progress progress(const Draft& d) {
  const Lsn mine = own_position(d.view);
  const Timeline timeline = own_timeline(d.view);
  const auto& wanted = d.cluster.failover.candidate;
  const auto& answers = d.view.answers.peers;
  if (!mine || !timeline || !answers) return Progress::ready;
  const auto near = [&](Lsn theirs) { return theirs.value + kCloseEnough >= mine.value; };
  auto furthest = Progress::receiving;
  for (const auto& [name, answer] : *answers) {
    if ((!wanted.empty() && name != wanted) || !limitation(answer, name == wanted).empty()) continue;
    // One that has not followed to this timeline receives nothing of it.
    if ((answer.timeline && answer.timeline != timeline) || !near(answer.position)) continue;
    furthest = std::max(furthest, near(answer.replayed) ? Progress::ready : Progress::replaying);
  }
  return furthest;
}

/// `theirs` goes on where `mine` ends, on the same timeline or a newer one.
bool has_more(const WalEnd& theirs, const WalEnd& mine) {
  if (!theirs.position || !mine.position) return false;
  if (theirs.timeline && mine.timeline && theirs.timeline != mine.timeline)
    return theirs.timeline > mine.timeline;
  return theirs.position > mine.position;
}

/// Beyond ha.md §7.3, which lets a candidate lead whatever it lacks: nobody is passed over who is a primary
/// still; and a switchover, which promises that nothing is lost, is given up where another member has more,
/// or had. What the leader has released its key with was received by then: only a leader that came to grief
/// on the way leaves such a thing behind. Who has asked for a failover has said that it may be lost.
Verdict stand_as_candidate(Draft& d) {
  const auto& request = d.cluster.failover;
  const Lsn mine = own_position(d.view);
  if (!mine) {
    d.say_each_minute(log::Level::info, Code::position_unknown);
    return Verdict::no;
  }
  const Line line(d.view);
  if (diverged(d.view, d.memory)) {
    say_diverged(d, line);
    return Verdict::no;
  }
  const WalEnd own = own_end(d.view);
  // In a standby cluster what others have is to be had where it came from.
  const bool may_lose = request.leader.empty() || d.settings.dynamic.standby_cluster;
  if (!may_lose && position_to_reach(d.view) - mine > d.settings.dynamic.maximum_lag_on_failover) {
    refuse(d, Code::request_candidate_short, {action_of(request), "the last leader"});
    return Verdict::no;
  }
  const auto peers = rivals(d.view);
  if (!ask(d, peers)) {
    // Whoever does not answer at once keeps nobody waiting: the leader has chosen when it released its key.
    d.decision.needs.peers_gone = *d.decision.needs.peers;
    return Verdict::asking;
  }
  // ha.md §6.1.6: a switchover keeps what was promised to be synchronous.
  if (!may_lose && !may_lead_by_sync(d, peers)) {
    d.say_each_minute(log::Level::info, Code::not_in_sync);
    return Verdict::no;
  }
  for (const auto& [name, url] : peers) {
    const PeerAnswer& answer = d.view.answers.peers->at(name);
    if (!limitation(answer).empty()) continue;
    if (answer.primary) {
      d.say(log::Level::warning, Code::primary_alive, {name});
      return Verdict::no;
    }
    if (has_left(d.view, line, name, answer)) continue;
    WalEnd theirs = end_of(answer);
    if (line.along(theirs) && line.beside(own, d.me())) {
      say_diverged(d, line);
      return Verdict::no;
    }
    // A higher number that nobody explains says nothing where own WAL is the last leader's (policy/race).
    if (!theirs.way && line.led_last_on(own) && name != line.last_leader()) theirs.timeline = {};
    if (may_lose || !has_more(theirs, own)) continue;
    d.number("ahead_bytes", answer.position - mine);
    refuse(d, Code::request_candidate_short, {action_of(request), name});
    return Verdict::no;
  }
  return Verdict::yes;
}

/// ha.md §7.3.1 for those who are not the candidate; nullopt: it does not lead, so go on without it.
std::optional<Verdict> stand_back_for(Draft& d, const dcs::Member& candidate) {
  const auto& request = d.cluster.failover;
  if (!ask(d, {{candidate.name, candidate.api_url}})) return Verdict::asking;
  const PeerAnswer& answer = d.view.answers.peers->at(candidate.name);
  std::string limit = limitation(answer, true);
  if (limit.empty() && has_left(d.view, Line(d.view), candidate.name, answer))
    limit = "diverged from the leader";
  // The other side of what a candidate sees to itself, for where it does not hear of it.
  const bool may_lack = request.leader.empty() || d.settings.dynamic.standby_cluster;
  if (limit.empty() && !may_lack && has_more(own_end(d.view), end_of(answer))) limit = "behind this member";
  auto& since = d.memory.requested.left_to_candidate_since;
  if (!since) since = d.now();
  if (limit.empty() && d.now() - *since >= kCandidatePatience) limit = "not taking the leader key";
  if (limit.empty()) {
    d.say_each_minute(log::Level::info, Code::request_to_candidate,
                      {action_of(request), candidate.name, d.me()}, candidate.name);
    return Verdict::no;
  }
  d.say_each_minute(log::Level::warning, Code::request_candidate_limited,
                    {action_of(request), candidate.name, limit}, candidate.name);
  return std::nullopt;
}

}  // namespace

std::string action_of(const dcs::Failover& request) {
  return request.leader.empty() ? "manual failover" : "switchover";
}

bool request_in_force(const View& view) {
  const auto& request = view.cluster().failover;
  if (!request.present() || !request.invalid_schedule.empty()) return false;
  if (view.memory.requested.over == request.version) return false;
  return !request.scheduled_at || *request.scheduled_at <= view.wall_now;
}

std::string wanted_candidate(const View& view) {
  return view.store.cluster && request_in_force(view) ? view.cluster().failover.candidate : std::string();
}

bool hand_over_as_asked(Draft& d) {
  const auto& request = d.cluster.failover;
  const auto& dynamic = d.settings.dynamic;
  // ha.md §7.2.1
  if (!request.present() || (dynamic.pause && !is_primary(d.view))) return false;
  if (d.memory.requested.over == request.version) {
    d.add(duty::Failover{.version = request.version});
    return false;
  }
  const std::string action = action_of(request);
  // It was tried, and ended with this member still, or again, in the lead.
  if (d.memory.requested.stopping_for == request.version) return refuse(d, Code::request_failed, {action});
  if (due(d) != Due::now) return false;
  // ha.md §7.2.3
  if (!request.leader.empty() && request.leader != d.me())
    return refuse(d, Code::request_wrong_leader, {action, request.leader, d.me()});
  if (request.candidate == d.me()) return refuse(d, Code::request_already_leader, {action, verb_of(request)});
  if (request.candidate.empty() && dynamic.pause)
    return refuse(d, Code::request_needs_candidate, {title_of(request)});
  const Possible fit = possible(d);
  if (fit == Possible::asking) return d.because(Code::race_asking);
  if (fit != Possible::yes) return refuse_as_not_possible(d, fit);
  if (!d.linearizable()) return d.because(Code::race_asking);
  if (request.leader.empty())
    if (auto who = who_lacks_slots(d); !who[0].empty())
      d.say(log::Level::warning, Code::request_leaves_slots, {action, std::move(who[0]), std::move(who[1])});
  // ha.md §7.2.4
  if (request.scheduled_at)
    d.say(log::Level::info, Code::schedule_due, {verb_of(request), iso8601(*request.scheduled_at)});
  d.memory.requested.stopping_for = request.version;
  d.memory.race.acquiring = false;
  // A standby leader commits nothing: it needs no stop to go on as a replica.
  if (leads_standby_cluster(d.view) && !may_commit(d.view)) {
    d.release();
  } else {
    d.intend(intent::Demote{.mode = DemoteMode::graceful, .name = action + ": demote"});
  }
  return d.because(Code::request_demoting, {action});
}

bool give_go(Draft& d, const OperationView& op) {
  const auto& request = d.cluster.failover;
  const std::string action = action_of(request);
  const auto give_up = [&](Code why) {
    d.intend(intent::PreEmpt{"the request is not carried out"});
    return d.because(why, {op.name.substr(0, op.name.find(':'))});
  };
  // Without the store nobody else could lead.
  if (!d.view.store.ok) return give_up(Code::request_gone_wrong);
  if (!request.present() || request.version != d.memory.requested.stopping_for)
    return give_up(Code::request_withdrawn);
  const Possible fit = possible(d);
  if (fit == Possible::asking) return d.because(Code::race_asking);
  if (fit != Possible::yes) {
    refuse_as_not_possible(d, fit);
    return give_up(Code::request_gone_wrong);
  }
  const Progress furthest = progress(d);
  const bool late = d.now() - op.phase_since >= kCatchUpPatience;
  if (furthest == Progress::receiving && late) {
    refuse(d, Code::request_nobody_receives, {action});
    return give_up(Code::request_gone_wrong);
  }
  if (furthest != Progress::ready && !late) {
    d.wake_in(kCatchUpLook);
    return d.because(Code::request_awaiting_go);
  }
  if (!d.linearizable()) return d.because(Code::race_asking);
  d.intend(intent::Advance{.now = true});
  return d.because(Code::request_awaiting_go);
}

void settle_request(Draft& d) {
  const auto& request = d.cluster.failover;
  auto& under = d.memory.requested.raced_under;
  if (under.absent() || !request.present() || request.version != under) return;
  under = {};
  // In pause what is left of it says that the promotion of its candidate is wanted.
  const bool goes_on = d.settings.dynamic.pause && !request.leader.empty() && !request.candidate.empty();
  d.say(log::Level::info, goes_on ? Code::request_updating_won : Code::request_cleaning_up_won);
  finish(d, goes_on ? request.candidate : std::string());
}

std::optional<Verdict> race_by_request(Draft& d) {
  const auto& request = d.cluster.failover;
  const bool paused = d.settings.dynamic.pause;
  // ha.md §7.3.1
  if (request.candidate == d.me()) return stand_as_candidate(d);
  if (!request.candidate.empty()) {
    const dcs::Member* candidate = d.cluster.member(request.candidate);
    if (paused && (candidate || !is_primary(d.view))) return Verdict::no;
    if (paused) {
      d.say(log::Level::warning, Code::request_candidate_not_running, {action_of(request)});
      finish(d);
      return std::nullopt;
    }
    if (candidate && !candidate->api_url.empty())
      if (const auto verdict = stand_back_for(d, *candidate)) return *verdict;
  }
  // ha.md §7.3.2
  if (paused) return Verdict::no;
  // ha.md §7.3.3: it has stopped for others to lead, and takes that back only where nobody has all it has.
  if (request.leader == d.me()) {
    Required all;
    if (!d.settings.dynamic.standby_cluster) all.at_least = own_position(d.view);
    all.action = action_of(request);
    const auto possible = failover_possible(d, all);
    if (!possible) return Verdict::asking;
    if (*possible) return Verdict::no;
  } else if (stands_back_delayed(d)) {
    return Verdict::no;
  }
  // ha.md §7.3.4; beyond it the former leader counts, and the lag: it may have come to grief before others
  // had all that it wrote.
  const Verdict verdict = healthiest(d);
  return verdict == Verdict::yes && leaves_to_one_with_slots(d) ? Verdict::no : verdict;
}

void prepare_to_lead(Draft& d) {
  const auto& request = d.cluster.failover;
  auto& prepared = d.memory.requested.prepared_for;
  if (request.candidate != d.me() || request.version == prepared) return;
  if (request.scheduled_at && *request.scheduled_at > d.view.wall_now) {
    d.wake_in(*request.scheduled_at - d.view.wall_now);
    return;
  }
  const bool meant = request.leader.empty() || request.leader == d.cluster.leader_name();
  if (!meant || !request_in_force(d.view) || !d.facts().accepts() || !has_fresh_probe(d.view) ||
      !d.facts().probe->in_recovery)
    return;
  prepared = request.version;
  d.add(duty::PrepareToLead{});
}

}  // namespace tanist::ha::policy
