#include "ha/policy/watching.h"

#include "ha/policy/decide.h"
#include "ha/policy/manual_failover.h"
#include "ha/policy/questions.h"
#include "ha/policy/race.h"
#include "ha/policy/reinitialize.h"

namespace tanist::ha::policy {
namespace {

using namespace std::chrono_literals;

/// A replica that has everything before the shutdown checkpoint gets this long to show that it has that one
/// too; then what it has is enough: no commit is behind it.
constexpr Duration kCheckpointGrace = 500ms;
constexpr Duration kCandidateFirst = 1s;
/// What the operation is asked again after.
constexpr Duration kVerdictPause = 20ms;

/// A start that goes well is not disturbed.
constexpr Duration kStartGrace = 2s;

bool makes_writable(const Draft& d, const OperationView& op) {
  switch (op.kind) {
    case OperationKind::promote: return true;
    case OperationKind::start:
    case OperationKind::restart:
    case OperationKind::follow_restart: return is_leaderlike(d.view.postgres.role);
    default: return false;
  }
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
  const Duration patience = start_patience(d.view, d.memory);
  if (d.now() < op.phase_since + patience) {
    d.wake(op.phase_since + patience);
    return false;
  }
  const auto possible = failover_possible(d);
  if (!possible || !*possible) return false;
  d.intend(intent::PreEmpt{"startup timeout"});
  return d.because(Code::start_too_slow);
}

/// A failover does not wait for a standby that is busy with its slots.
bool copies_slots_of_nobody(Draft& d, const OperationView& op) {
  if (op.kind != OperationKind::copy_slots || op.cancel != Cancel::free || !d.cluster.unlocked())
    return false;
  d.intend(intent::PreEmpt{"nobody leads"});
  return d.because(Code::source_gone, {op.name, op.source});
}

}  // namespace

bool gives_lock_up(const OperationView& op) {
  return op.released || op.phase == Phase::releasing ||
         (op.phase == Phase::awaiting_release && !op.awaits_verdict);
}

bool give_verdict(Draft& d, const OperationView& op) {
  if (op.kind == OperationKind::clone) return confirm_removal(d, op);
  if (op.phase == Phase::awaiting_go) return give_go(d, op);
  Required required{.at_least = op.checkpoint_lsn, .or_equal = d.now() - op.phase_since >= kCheckpointGrace};
  // With nothing to wait for the key is kept until nothing of the server is left.
  // Whom the operator wants gets a moment to show it before anybody will do.
  if (d.now() - op.phase_since < kCandidateFirst) required.only = wanted_candidate(d.view);
  const auto possible = d.view.store.ok ? failover_possible(d, required) : std::optional<bool>(false);
  if (possible) d.intend(intent::Advance{*possible});
  if (possible && *possible) d.give_lock_up();
  if (!possible || !*possible) d.wake_in(kVerdictPause);
  d.number("checkpoint_lsn", to_string(op.checkpoint_lsn));
  return d.because(Code::release_verdict);
}

bool watch_operation(Draft& d) {
  if (!d.view.operation) return false;
  const OperationView& op = *d.view.operation;
  d.number("phase_seconds", seconds(d.now() - op.phase_since));
  if (gives_lock_up(op)) d.give_lock_up();
  // A demotion that serves its clients still is a primary like any other.
  const bool serves = op.kind == OperationKind::demote && op.cancel == Cancel::free;
  if (op.awaits_verdict && !(serves && !leads(d.view))) return give_verdict(d, op);

  if ((makes_writable(d, op) || serves) && !d.settings.dynamic.pause) {
    if (!leads(d.view)) return without_lock(d, op);
  }
  if (!d.view.store.ok) return d.because(Code::dcs_not_accessible);
  // Until the server has been told nothing is promoted.
  if (op.kind == OperationKind::promote && op.cancel == Cancel::free && d.settings.dynamic.standby_cluster) {
    d.intend(intent::PreEmpt{"the cluster is to follow another one"});
    return d.because(Code::no_real_primary);
  }
  if (op.kind == OperationKind::bootstrap && !d.cluster.unlocked()) {
    d.intend(intent::PreEmpt{"another member leads the cluster"});
    return d.because(Code::bootstrap_overtaken);
  }
  if (crash_recovery_too_slow(d, op) || start_too_slow(d, op) || aims_at_the_past(d, op) ||
      copies_slots_of_nobody(d, op))
    return true;
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

}  // namespace tanist::ha::policy
