#include "ha/policy/following.h"
#include "ha/policy/decide.h"

#include <fmt/format.h>
#include <algorithm>

#include "ha/policy/cascading.h"
#include "ha/policy/manual_failover.h"
#include "ha/policy/questions.h"
#include "ha/policy/rejoin.h"
#include "ha/policy/standby_cluster.h"
#include "ha/policy/standby_slots.h"
#include "ha/policy/synchronous.h"

namespace tanist::ha {

std::optional<postgres::Upstream> wanted_upstream(const View& view) {
  if (!view.store.cluster) return std::nullopt;
  const dcs::Cluster& cluster = view.cluster();
  const std::string& me = view.self.name;
  // ha.md §10.2.1
  if (view.settings.tags.nostream) return std::nullopt;
  // ha.md §10.2.2
  if (policy::follows_remote(view)) return policy::remote_member(view);
  const dcs::Member* leader = cluster.leader_member();
  if (!leader || leader->name == me) return std::nullopt;
  // ha.md §10.2.3
  if (const dcs::Member* tagged = policy::tagged_upstream(view)) return policy::upstream_of(view, *tagged);
  // ha.md §10.2.4
  if (view.lock == Lock::mine) return std::nullopt;
  auto upstream = policy::upstream_of(view, *leader);
  if (upstream && policy::leader_stands_in(view)) upstream->slot.clear();
  return upstream;
}

}  // namespace tanist::ha

namespace tanist::ha::policy {
namespace {

using namespace std::chrono_literals;

/// How often a comparison with the leader is tried that was not possible yet: the end of its promotion wakes
/// nobody.
constexpr Duration kCheckAgain = std::chrono::seconds(1);

/// Between two nudges; the first comes as long after the loss: PostgreSQL itself tries once at once.
constexpr Duration kNudgePause = 200ms;
/// So many at that pace, then ever later: an upstream that accepts and still feeds nobody has another reason.
constexpr int kQuickNudges = 10;
/// PostgreSQL's own pace.
constexpr Duration kNudgeNoMore = 5s;
/// Member keys wake nobody: how often that of an upstream is looked at which was lost just now.
constexpr Duration kLookForUpstream = 100ms;
constexpr Duration kLookOften = 30s;
constexpr int kTellsReceiver = 90600;

/// Where a primary was down for a moment its standbys come back 5 s later, and a loss of it meanwhile would
/// lose what it acknowledged: they are told to try again as soon as it accepts connections. Its own daemon
/// says so in its member key, which costs the primary nothing.
void nudge(Draft& d, const std::optional<postgres::Upstream>& upstream) {
  auto& nudges = d.memory.following.nudges;
  const dcs::Member* source = upstream ? d.cluster.member(upstream->member) : nullptr;
  if (streams(d.view) || source == nullptr || d.facts().major_version < kTellsReceiver ||
      d.settings.dynamic.pause) {
    nudges.reset();
    return;
  }
  if (!d.facts().accepts() || !has_fresh_probe(d.view) || !d.facts().probe->in_recovery) return;
  if (!nudges) nudges = Nudges{.of = {}, .since = d.now(), .last = {}, .count = 0, .waited = false};
  const bool accepts = source->state == to_string(postgres::State::running);
  std::string of = fmt::format("{} {} {}", source->name, source->state, source->timeline.value);
  if (of != nudges->of) nudges->count = 0;
  nudges->of = std::move(of);
  if (!accepts) {
    nudges->waited = true;
    d.wake_in(d.now() - nudges->since < kLookOften ? kLookForUpstream : kLookAgain);
    return;
  }
  Duration pause = kNudgePause;
  for (int i = kQuickNudges; i < nudges->count && pause < kNudgeNoMore; ++i) pause *= 2;
  if (pause >= kNudgeNoMore) return;
  Instant next = nudges->last + pause;
  if (!nudges->waited) next = std::max(next, nudges->since + kNudgePause);
  // What was answered before the last one took effect says nothing of it.
  const bool known = d.facts().probe->asked_at >= nudges->last;
  if (d.now() >= next && known) {
    nudges->last = d.now();
    ++nudges->count;
    nudges->waited = false;
    d.add(duty::LookForWal{});
    next = d.now() + pause;
  }
  d.wake(std::max(next, d.now() + kNudgePause / 4));
}

}  // namespace

std::optional<postgres::Upstream> upstream_of(const View& view, const dcs::Member& member) {
  const auto address = member.host_port();
  if (!address) return std::nullopt;
  postgres::Upstream upstream;
  upstream.member = member.name;
  upstream.host = address->first;
  upstream.port = address->second;
  if (view.settings.postgresql.use_slots) upstream.slot = dcs::slot_name(view.self.name);
  return upstream;
}

bool follow_leader(Draft& d) {
  const View& view = d.view;
  const std::string leader = d.cluster.leader_name();
  const bool lost_race = d.memory.race.acquiring;
  d.memory.race.acquiring = false;
  d.memory.slots.seen.clear();
  d.memory.slots.seeded = false;

  // ha.md §10.1.2: a primary without the lock.
  if (may_commit(view)) {
    if (d.settings.dynamic.pause) return d.because(Code::continue_without_lock);
    d.intend(intent::Demote{DemoteMode::immediate_nolock});
    trigger_check(d);
    if (d.settings.dynamic.standby_cluster) return d.because(Code::no_real_primary);
    return d.because(lost_race ? Code::demoted_after_lost_race : Code::demoting_no_lock);
  }
  if (view.lock == Lock::foreign_session) {
    d.say_each_minute(log::Level::warning, Code::foreign_session, {d.me()});
    return d.because(Code::no_action, {d.me()});
  }
  // ha.md §3.5.3
  if (is_starting(view)) d.say(log::Level::info, Code::still_starting_standby);
  if (d.facts().failing_since && !is_starting(view)) {
    const double failing = seconds(d.now() - *d.facts().failing_since);
    d.number("failing_seconds", failing);
    d.check(Rule::postgres_answers, false, {{"failing_seconds", failing}});
    return d.because(Code::postgres_error);
  }
  // ha.md §10.1.4
  if (rejoin_by_rewind(d)) return true;

  mind_upstream(d);
  // ha.md §10.1.7: only towards somebody who has an address; a member key may be late.
  const auto upstream = wanted_upstream(view);
  const bool aim = upstream.has_value() || d.settings.tags.nostream;
  if (upstream) {
    const auto& probe = d.facts().probe;
    const std::string receiver =
        probe && !probe->receiver_state.empty() ? probe->receiver_state : "no WAL receiver";
    d.check(Rule::streams, streams(view), {{"upstream", upstream->member}, {"state", receiver}});
  }
  if (aim && view.postgres.recovery_difference == postgres::RecoveryDifference::restart) {
    d.intend(intent::Follow{.upstream = upstream, .restart = true});
    trigger_check(d);
    return d.because(Code::restarting_to_follow);
  }
  if (aim && view.postgres.recovery_difference == postgres::RecoveryDifference::reload) {
    d.intend(intent::Follow{.upstream = upstream, .restart = false});
    trigger_check(d);
  } else if (const Timeline mine = own_timeline(view), theirs = d.memory.following.leader_timeline;
             mine && theirs && mine < theirs &&
             (d.memory.following.own_timeline != mine || view.memory.following.leader_timeline != theirs)) {
    // Behind the leader's timeline: streaming gets there, unless the WAL has left it.
    d.memory.following.own_timeline = mine;
    trigger_check(d);
    if (rejoin_by_rewind(d)) return true;
  }
  if (aim && view.postgres.recovery_difference == postgres::RecoveryDifference::none) nudge(d, upstream);
  prepare_to_lead(d);
  expect_promotion(d);
  prepare_standby_slots(d);
  if (d.memory.rejoin.rewind == RewindState::check) d.wake_in(std::min(kCheckAgain, d.timing().loop_wait));
  if (lost_race) return d.because(Code::following_after_lost_race);
  if (d.settings.dynamic.standby_cluster)
    return aim ? d.because(Code::no_action_standby_secondary, {d.me(), leader})
               : d.because(Code::old_standby_leader);
  return d.because(Code::no_action_secondary, {d.me(), leader});
}

}  // namespace tanist::ha::policy
