#include "ha/policy/operations.h"
#include "ha/policy/decide.h"

#include "ha/policy/modes.h"
#include "ha/policy/race.h"
#include "ha/policy/rejoin.h"
#include "ha/policy/rules.h"

namespace tanist::ha::policy {
namespace {

using namespace std::chrono_literals;

/// A replica that has everything before the shutdown checkpoint gets this long to show that it has that one
/// too; then what it has is enough: no commit is behind it.
constexpr Duration kCheckpointGrace = 500ms;
/// What the operation is asked again after.
constexpr Duration kVerdictPause = 20ms;

/// A start that goes well is not disturbed.
constexpr Duration kStartGrace = 2s;

/// Of what is told to others.
constexpr std::size_t kShownError = 300;

bool makes_writable(const Draft& d, const OperationView& op) {
  switch (op.kind) {
    case OperationKind::promote: return true;
    case OperationKind::start:
    case OperationKind::restart:
    case OperationKind::follow_restart: return is_leaderlike(d.view.postgres.role);
    default: return false;
  }
}

/// The operation is about to delete the key, or has done it: nothing may renew it meanwhile.
bool gives_lock_up(const OperationView& op) {
  return op.released || op.phase == Phase::releasing ||
         (op.phase == Phase::awaiting_release && !op.awaits_verdict);
}

/// ha.md §2.4 and §15.4.h: the key goes as soon as somebody has the last of the WAL.
bool give_verdict(Draft& d, const OperationView& op) {
  Required required{.at_least = op.checkpoint_lsn, .or_equal = d.now() - op.phase_since >= kCheckpointGrace};
  // With nothing to wait for the key is kept until nothing of the server is left.
  const auto possible = d.view.store.ok ? failover_possible(d, required) : std::optional<bool>(false);
  if (possible) d.intend(intent::Advance{*possible});
  if (possible && *possible) d.give_lock_up();
  if (!possible || !*possible) d.wake_in(kVerdictPause);
  d.number("checkpoint_lsn", to_string(op.checkpoint_lsn));
  return d.because(Code::release_verdict);
}

/// ha.md §3.4.2
bool without_lock(Draft& d, const OperationView& op) {
  if (op.kind == OperationKind::promote && op.cancel != Cancel::no) {
    d.intend(intent::PreEmpt{"lost leader before promote"});
    return d.because(Code::lost_before_promote);
  }
  d.say_each_minute(log::Level::info, Code::demoting_during, {op.name}, op.name);
  d.intend(intent::PreEmpt{"lost leader lock"});
  return d.because(Code::lost_lock_during, {op.name});
}

/// What an operation reads from, or streams from, is not what it should be any more: it would wait for
/// nothing.
bool aims_at_the_past(Draft& d, const OperationView& op) {
  if (op.cancel != Cancel::free) return false;
  const bool reads = op.kind == OperationKind::clone || op.kind == OperationKind::rewind;
  if (reads && !op.source.empty()) {
    const bool deposed =
        op.kind == OperationKind::rewind && !d.cluster.unlocked() && d.cluster.leader_name() != op.source;
    if (d.cluster.member(op.source) && !deposed) return false;
    d.intend(intent::PreEmpt{"the source is gone"});
    return d.because(Code::source_gone, {op.name, op.source});
  }
  // A standby that is not consistent yet needs WAL from whoever leads now.
  const bool starts =
      op.kind == OperationKind::start && op.phase == Phase::starting && locked_by_other(d.view);
  if (!starts || d.now() - op.phase_since < kStartGrace) return false;
  if (d.view.postgres.recovery_difference == postgres::RecoveryDifference::none || !wanted_upstream(d.view))
    return false;
  d.intend(intent::PreEmpt{"another member leads"});
  return d.because(Code::upstream_changed, {op.name});
}

/// ha.md §3.4.1
bool crash_recovery_too_slow(Draft& d, const OperationView& op) {
  const Duration patience = d.settings.dynamic.primary_start_timeout;
  const Instant began = d.memory.outage.since.value_or(op.since);
  if (op.kind != OperationKind::crash_recovery || !leads(d.view)) return false;
  if (d.now() < began + patience) {
    d.wake(began + patience);
    return false;
  }
  const auto possible = failover_possible(d);
  if (!possible || !*possible) return false;
  d.intend(intent::PreEmpt{"startup timeout"});
  return d.because(Code::terminated_crash_recovery);
}

/// ha.md §3.5.2: a leader whose server does not come up in time, as primary or read-only, gives way to
/// whoever can lead. What still starts is stopped by the next decision.
bool start_too_slow(Draft& d, const OperationView& op) {
  const bool starts = op.kind == OperationKind::start || op.kind == OperationKind::restart ||
                      op.kind == OperationKind::follow_restart;
  if (!starts || op.phase != Phase::starting || !leads(d.view) || d.settings.dynamic.pause) return false;
  const Duration patience = d.memory.outage.start_timeout.value_or(d.settings.dynamic.primary_start_timeout);
  if (d.now() < op.phase_since + patience) {
    d.wake(op.phase_since + patience);
    return false;
  }
  if (!mode_not_served(d.settings.dynamic).empty()) return false;
  const auto possible = failover_possible(d);
  if (!possible || !*possible) return false;
  d.intend(intent::PreEmpt{"startup timeout"});
  return d.because(Code::start_too_slow);
}

void learn_rewind(Draft& d, const OperationResult& result) {
  auto& rewind = d.memory.rejoin.rewind;
  if (result.ok()) {
    rewind = RewindState::success;
    d.memory.standings.astray = d.memory.rejoin.found_diverged = false;
    d.memory.rejoin.rewinds_failed = 0;
    d.memory.rejoin.error.clear();
  } else if (result.failed()) {
    // postgres.md §24: with the leader gone, the failure may be its end and not ours. A control file that
    // cannot be read any more is ours in any case.
    const dcs::Member* leader = d.cluster.leader_member();
    const bool source_there = leader && leader->role == "primary" && result.ending != Ending::source_lost;
    const bool unusable = d.facts().half_rewound && !d.facts().control_error.empty();
    rewind = source_there || unusable ? RewindState::failed : RewindState::need;
    if (!source_there && !unusable) return;
    const std::string from = leader ? leader->name : std::string();
    if (d.memory.rejoin.rewind_failed_from != from) d.memory.rejoin.rewinds_failed = 0;
    d.memory.rejoin.rewind_failed_from = from;
    ++d.memory.rejoin.rewinds_failed;
    d.memory.rejoin.error = result.detail.substr(0, std::min(result.detail.find('\n'), kShownError));
  }
}

}  // namespace

void learn_result(Draft& d) {
  const auto& result = d.view.last_operation;
  if (!result || result->serial <= d.memory.results_seen) return;
  d.memory.results_seen = result->serial;
  switch (result->kind) {
    case OperationKind::start:
    case OperationKind::restart:
    case OperationKind::follow_restart:
      // One that was ended on purpose, or goes on starting, is no failed start.
      if (!result->failed() || d.facts().process != postgres::Process::none)
        d.memory.outage.recovering = false;
      if (result->ok() && d.memory.rejoin.rewind == RewindState::success)
        d.memory.rejoin.rewind = RewindState::initial;
      if (result->ok()) d.memory.outage.starts_failed = 0;
      if (result->failed() && d.facts().process == postgres::Process::none) ++d.memory.outage.starts_failed;
      break;
    case OperationKind::rewind: learn_rewind(d, *result); break;
    case OperationKind::promote:
      if (result->ending == Ending::pre_promote_failed) d.memory.promotion.pre_promote_failed = true;
      // The words were ahead of the server.
      if (!result->ok() && d.facts().running() && d.facts().probe && d.facts().probe->in_recovery &&
          !d.view.postgres.promoting)
        d.add(duty::SetRole{postgres::Role::replica});
      break;
    case OperationKind::demote:
    case OperationKind::shutdown:
      d.memory.slots.seen.clear();
      d.memory.slots.seeded = false;
      d.memory.outage.since = d.now();
      d.memory.outage.crash_recovery_tried = false;
      trigger_check(d);
      break;
    case OperationKind::clone:
      d.memory.rejoin.rewind = RewindState::initial;
      if (result->ok()) {
        d.memory.standings.astray = d.memory.rejoin.found_diverged = false;
        d.memory.making.clones_failed = 0;
        d.memory.rejoin.rewinds_failed = 0;
        d.memory.outage.starts_failed = 0;
        d.memory.rejoin.error.clear();
      }
      if (result->failed()) ++d.memory.making.clones_failed;
      break;
    default: break;
  }
}

bool watch_operation(Draft& d) {
  if (!d.view.operation) return false;
  const OperationView& op = *d.view.operation;
  d.number("phase_seconds", seconds(d.now() - op.phase_since));
  if (gives_lock_up(op)) d.give_lock_up();
  if (op.awaits_verdict) return give_verdict(d, op);

  if (makes_writable(d, op) && !d.settings.dynamic.pause) {
    if (!leads(d.view)) return without_lock(d, op);
  }
  if (!d.view.store.ok) return d.because(Code::dcs_not_accessible);
  if (op.kind == OperationKind::bootstrap && !d.cluster.unlocked()) {
    d.intend(intent::PreEmpt{"another member leads the cluster"});
    return d.because(Code::bootstrap_overtaken);
  }
  if (crash_recovery_too_slow(d, op) || start_too_slow(d, op) || aims_at_the_past(d, op)) return true;
  // ha.md §3.6
  if (op.kind == OperationKind::bootstrap && op.phase == Phase::ending_recovery)
    return d.because(Code::waiting_for_recovery);
  if (op.kind == OperationKind::bootstrap && op.phase == Phase::creating_users)
    return d.because(Code::running_post_bootstrap);
  if (d.view.has_lock()) return d.because(Code::updated_lock_during, {op.name});
  // ha.md §3.4.3
  if (d.cluster.unlocked() && op.kind != OperationKind::bootstrap)
    d.say_each_minute(log::Level::info, Code::not_healthy_enough);
  return d.because(Code::in_progress, {op.name});
}

bool shut_down(Draft& d) {
  if (!d.view.commands.shutdown) return false;
  const bool hurry = d.view.commands.hurry;
  if (d.view.operation) {
    const OperationView& op = *d.view.operation;
    if (op.kind == OperationKind::shutdown && hurry) d.intend(intent::Shutdown{.hurry = true});
    if (op.kind == OperationKind::shutdown || op.kind == OperationKind::demote) {
      if (gives_lock_up(op)) d.give_lock_up();
      if (op.awaits_verdict && !hurry) return give_verdict(d, op);
      return d.because(Code::shutting_down);
    }
    // ha.md §2, shutdown 1. A phase that cannot be broken ends by itself; its operation stops there.
    d.intend(intent::PreEmpt{"shutdown"});
    return d.because(Code::shutting_down);
  }
  // ha.md §2, shutdown 2
  if (d.settings.dynamic.pause) {
    if (d.view.fence.armed) d.add(duty::Fence{.arm = false});
    d.say(log::Level::info, Code::shutdown_paused);
    d.intend(intent::Exit{.code = 0, .why = std::string(code_text(Code::shutdown_paused))});
    d.let_lock_lapse();
    return d.because(Code::shut_down);
  }
  const auto& last = d.view.last_operation;
  if (last && last->kind == OperationKind::shutdown) {
    // ha.md §2: what may commit is not left behind. A process that the kernel does not give back is killed
    // again.
    if (may_commit(d.view)) {
      d.intend(intent::Shutdown{.hurry = hurry || !last->ok()});
      return d.because(last->ok() ? Code::shutting_down : Code::shutdown_failed);
    }
    d.let_lock_lapse();
    if (last->ok()) {
      d.intend(intent::Exit{});
      return d.because(Code::shut_down);
    }
    d.intend(intent::Exit{.code = 1, .why = std::string(code_text(Code::shutdown_failed))});
    return d.because(Code::shutdown_failed);
  }
  d.intend(intent::Shutdown{hurry});
  return d.because(Code::shutting_down);
}

}  // namespace tanist::ha::policy
