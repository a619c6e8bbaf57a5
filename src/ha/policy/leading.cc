#include "ha/policy/leading.h"

#include <fmt/format.h>
#include <algorithm>

#include "ha/policy/failsafe.h"
#include "ha/policy/history.h"
#include "ha/policy/manual_failover.h"
#include "ha/policy/member_slots.h"
#include "ha/policy/questions.h"
#include "ha/policy/race.h"
#include "ha/policy/slot_handover.h"
#include "ha/policy/standby_cluster.h"
#include "ha/policy/standby_slots.h"
#include "ha/policy/synchronous.h"
#include "ha/policy/timelines.h"

namespace tanist::ha::policy {
namespace {

using namespace std::chrono_literals;

/// A control file read longer ago than this says nothing about the checkpoint after a promotion.
constexpr Duration kControlAge = 1s;
/// A silence this long is no hiccup.
constexpr Duration kSilenceTold = 5s;
/// When the monitor has seen the server as a primary.
constexpr Duration kProbePause = 200ms;
constexpr Duration kArmAgain = 1s;
constexpr Duration kTellAgain = 3s;

/// ha.md §3.4 and §3.5: keys that the cluster cannot do without.
void rebuild_keys(Draft& d) {
  const auto& initialize = d.cluster.initialize;
  const auto& config = d.cluster.config;
  const bool no_id = !initialize.valid_system_id() && valid_system_id(d.facts().system_identifier);
  const bool no_config = (config.version.absent() || config.data.size() == 0) && d.settings.dynamic.filled;
  if (!no_id && !no_config) return;
  if (!d.linearizable()) return;
  const auto condition = [](const dcs::Version& version) -> dcs::Condition {
    if (version.absent()) return dcs::IfAbsent{};
    return dcs::IfVersion{version};
  };
  if (no_id)
    d.add(duty::Initialize{.condition = condition(initialize.version),
                           .system_id = d.facts().system_identifier});
  if (no_config) d.add(duty::Config{.condition = condition(config.version)});
}

/// ha.md §8, last paragraph.
void confirm_checkpoint(Draft& d) {
  const Timeline timeline = own_timeline(d.view);
  if (d.memory.promotion.checkpoint_done || d.memory.promotion.checkpoint_running || !timeline) return;
  const auto& control = d.facts().control;
  if (control && control->checkpoint_timeline == timeline) {
    d.memory.promotion.checkpoint_done = true;
  } else if (!control || d.now() - control->seen_at > kControlAge) {
    d.decision.needs.control_file = true;
  } else {
    d.memory.promotion.checkpoint_running = true;
    d.add(duty::CheckpointAfterPromote{});
  }
}

/// A PostgreSQL that runs and answers nobody is no reason to give the lead up, unless the configuration says
/// so: sessions that are there may go on well.
bool give_way_when_silent(Draft& d) {
  const auto& since = d.facts().silent_since;
  if (!since || d.now() - *since < kSilenceTold) return false;
  const Duration silent = d.now() - *since;
  const Duration patience = d.settings.silent_primary_timeout;
  d.number("silent_seconds", seconds(silent));
  d.say_each_minute(log::Level::error, Code::postgres_silent, {fmt::format("{:.0f}", seconds(silent))});
  if (patience <= Duration::zero() || d.settings.dynamic.pause) return false;
  if (silent < patience) {
    d.wake(*since + patience);
    return false;
  }
  const auto possible = failover_possible(d);
  if (!possible) return d.because(Code::race_asking);
  if (!*possible) return false;
  d.intend(intent::Demote{DemoteMode::immediate});
  return d.because(Code::demoted_silent, {fmt::format("{:.0f}", seconds(silent))});
}

/// ha.md §8.3
bool lead_as_primary(Draft& d) {
  const bool won = std::exchange(d.memory.race.acquiring, false);
  // The request may have arrived late: another has led meanwhile.
  const Timeline mine = own_timeline(d.view);
  const Timeline last = Line(d.view).newest();
  if (won && mine && mine < last && !d.settings.dynamic.pause) {
    d.say(log::Level::warning, Code::timeline_behind,
          {std::to_string(mine.value), std::to_string(last.value)});
    d.intend(intent::Demote{DemoteMode::immediate});
    return d.because(Code::demoting_not_healthiest);
  }
  d.memory.rejoin.rewind = RewindState::initial;
  d.memory.rejoin.beyond_rewind = false;
  d.memory.standings.astray = d.memory.rejoin.found_diverged = false;
  d.memory.rejoin.error.clear();
  // ha.md §8.1: the fence comes before everything that relies on it.
  if (!d.settings.dynamic.pause) d.check(Rule::fence_armed, d.view.fence.armed);
  if (!d.view.fence.armed && !d.settings.dynamic.pause) {
    if (!d.view.fence.usable) {
      d.intend(intent::Demote{DemoteMode::immediate});
      return d.because(Code::demoting_no_watchdog);
    }
    d.add(duty::Fence{.arm = true});
    // Where it cannot be, it is tried again: until then nobody ends this primary but its daemon.
    d.wake_in(kArmAgain);
  }
  rebuild_keys(d);
  if (hand_over_as_asked(d)) return true;
  const double failing = d.facts().failing_since ? seconds(d.now() - *d.facts().failing_since) : 0;
  if (!d.check(Rule::postgres_answers, !d.facts().failing_since, {{"failing_seconds", failing}})) {
    d.say_each_minute(log::Level::warning, Code::state_from_cache);
    d.number("failing_seconds", failing);
    return give_way_when_silent(d) || d.because(Code::postgres_error);
  }
  if (give_way_when_silent(d)) return true;
  if (!own_timeline(d.view)) d.wake_in(kProbePause);
  // Before anybody is listed in /sync: whoever may be elected has what consumers have.
  keep_standby_slots(d);
  keep_synchronous(d);
  publish_status(d);
  publish_failsafe(d);
  update_history(d);
  confirm_checkpoint(d);
  if (won) return d.because(Code::acquired_as_leader);
  return d.because(Code::no_action_leader, {d.me()});
}

/// ha.md §3.8.1
bool named_by_request(const Draft& d) {
  return d.cluster.failover.candidate == d.me();
}

/// ha.md §8.5
bool promote(Draft& d) {
  const bool won = d.memory.race.acquiring;
  const Code promoted = won ? Code::promoted_by_acquiring : Code::promoted_had_lock;
  // ha.md §8.1
  if (!d.check(Rule::fence_usable, d.view.fence.usable || d.settings.dynamic.pause)) {
    d.release();
    return d.because(Code::not_promoting_no_watchdog);
  }
  // ha.md §8.2
  if (d.memory.promotion.pre_promote_failed) {
    d.say(log::Level::warning, Code::pre_promote_failed_release);
    d.memory.promotion.pre_promote_failed = false;
    d.memory.race.not_before = d.now() + d.timing().ttl;
    d.memory.race.acquiring = false;
    d.release();
    return d.because(Code::promotion_cancelled);
  }
  if (const auto when = retry_at(d.view, OperationKind::promote)) {
    d.wake(*when);
    return d.because(Code::waiting_before_retry);
  }
  // A member with an old copy must not lead merely because the key was free.
  if (!d.linearizable()) return d.because(promoted);
  if (diverged(d.view, d.memory)) {
    d.memory.race.acquiring = false;
    d.release();
    return d.because(Code::released_diverged);
  }
  // The key says nothing of who is ahead where it was not won by this race, or on what is not so any more:
  // the request may have been on its way while another led. What has not changed is not asked for once more.
  if (!won || !d.memory.race.acquired_on || race_ground_moved(*d.memory.race.acquired_on, d.view)) {
    if (!own_position(d.view)) return d.because(Code::postgres_error);
    const auto fit = fit_to_lead(d);
    if (!fit) return d.because(promoted);
    if (!*fit) {
      d.memory.race.acquiring = false;
      d.release();
      return d.because(Code::released_not_healthiest);
    }
  }
  prepare_synchronous(d);
  tell_slots_left_behind(d);
  if (!d.settings.dynamic.pause) d.add(duty::Fence{.arm = true}, OnFailure::postpone_intent);
  d.intend(intent::Promote{});
  d.memory.race.acquiring = false;
  d.memory.rejoin.rewind = RewindState::initial;
  d.memory.following.leader_timeline = {};
  d.memory.promotion.checkpoint_done = false;
  d.memory.promotion.checkpoint_running = false;
  return d.because(promoted);
}

/// ha.md §3.5.2
bool wait_for_start(Draft& d) {
  // ha.md §3.5.1: it is the administrator's, however long it takes.
  if (d.settings.dynamic.pause) return hand_over_as_asked(d) || d.because(Code::postgres_error);
  const Duration timeout = start_patience(d.view, d.memory);
  const Duration left = timeout - (d.now() - starting_since(d.view));
  d.number("left_seconds", seconds(left));
  if (left > Duration::zero()) {
    if (hand_over_as_asked(d)) return true;
    d.wake_in(left);
    return d.because(Code::still_starting, {fmt::format("{:.0f}", seconds(left))});
  }
  const auto possible = failover_possible(d);
  if (!possible) return d.because(Code::race_asking);
  if (!*possible) return d.because(Code::start_timeout_no_failover);
  d.intend(intent::Demote{DemoteMode::immediate});
  return d.because(Code::stopped_startup_timeout);
}

/// One that was begun before: by this daemon, or by an earlier one.
bool await_promotion(Draft& d) {
  auto& since = d.memory.promotion.waiting_since;
  if (!since) since = d.now();
  // It is noted before the server is told, so a daemon that was killed in between has told nobody, and nobody
  // else may lead. A server that does promote itself does not mind.
  if (d.now() - *since >= kTellAgain && d.facts().accepts()) {
    since = d.now();
    if (!d.settings.dynamic.pause) d.add(duty::Fence{.arm = true}, OnFailure::postpone_intent);
    d.intend(intent::Promote{});
    return d.because(Code::promotion_told_again);
  }
  d.wake_in(kProbePause);
  return d.because(Code::promotion_goes_on);
}

}  // namespace

bool lead(Draft& d) {
  const View& view = d.view;
  if (!view.postgres.promoting) d.memory.promotion.waiting_since.reset();
  // ha.md §3.8.2: the key names me, but the lease says that this may be over any moment.
  const double left = std::max(0.0, seconds(view.lease.until - d.now()));
  if (!d.check(Rule::lease_holds, lease_is_safe(view), {{"left_seconds", left}})) {
    d.say_each_minute(log::Level::error, Code::failed_to_update_lock);
    if (!may_commit(view)) return d.because(Code::not_promoting_lock_update_failed);
    if (d.settings.dynamic.pause) return d.because(Code::continue_without_lock);
    const auto mode = view.lease.held(d.now()) ? DemoteMode::offline : DemoteMode::immediate_nolock;
    d.intend(intent::Demote{mode});
    return d.because(Code::demoted_lock_update_failed);
  }
  d.wake(lease_deadlines(view.lease).stop_at);
  settle_request(d);
  // ha.md §3.5
  if (is_starting(view) && !view.postgres.promoting) return wait_for_start(d);
  // A promotion that is under way cannot be taken back: it is demoted once it is over.
  const bool standby_cluster = d.settings.dynamic.standby_cluster;
  if (standby_cluster && !view.postgres.promoting && demote_to_standby_cluster(d)) return true;
  if (d.check(Rule::is_primary, is_primary(view))) return lead_as_primary(d);
  if (view.postgres.promoting) return await_promotion(d);
  // ha.md §3.8.1
  if (d.settings.dynamic.pause && !named_by_request(d) && !standby_cluster) {
    d.release();
    return d.because(Code::removed_lock_not_primary);
  }
  if (!d.facts().accepts() || d.facts().failing_since) {
    // Somebody else may be able to lead.
    const auto since = d.facts().failing_since;
    if (!since || d.now() - *since < d.timing().retry_timeout) return d.because(Code::postgres_error);
    d.number("failing_seconds", seconds(d.now() - *since));
    d.release();
    return d.because(Code::released_not_answering);
  }
  if (standby_cluster) {
    rebuild_keys(d);
    return lead_standby_cluster(d);
  }
  return promote(d);
}

}  // namespace tanist::ha::policy
