#include "ha/policy/recovering.h"
#include "ha/policy/decide.h"

#include <algorithm>
#include <array>

#include "ha/policy/following.h"
#include "ha/policy/questions.h"
#include "ha/policy/race.h"
#include "ha/policy/rejoin.h"
#include "ha/policy/standby_cluster.h"

namespace tanist::ha::policy {
namespace {

using postgres::State;

using namespace std::chrono_literals;

constexpr int kStartsFromBackupLabel = 150000;

bool fits_start_as_primary(const postgres::ControlData& control) {
  return crashed_as_primary(control) || control.cluster_state == "shut down";
}

/// ha.md §3 step 9: a start was tried, and nothing runs.
bool after_failed_start(Draft& d) {
  d.memory.outage.recovering = false;
  if (!d.view.has_lock()) {
    // A rewind that failed half-way, or did not help: it is looked at anew instead of being started for ever.
    if (rewind_executed(d.memory)) {
      d.memory.rejoin.rewind = RewindState::initial;
      trigger_check(d);
    }
    if (const auto when = retry_at(d.view, OperationKind::start)) d.wake(*when);
    return d.because(Code::failed_to_start);
  }
  const auto role = d.view.postgres.role;
  if (role == postgres::Role::primary || role == postgres::Role::standby_leader) {
    d.add(duty::SetRole{postgres::Role::demoted});
    d.add(duty::Callback{.action = "on_role_change", .role = postgres::Role::demoted});
  }
  d.release();
  return d.because(Code::removed_key_start_failed);
}

bool start(Draft& d, bool as_standby, std::optional<postgres::Upstream> upstream, Code why) {
  intent::Start start;
  start.as_standby = as_standby;
  start.upstream = std::move(upstream);
  start.as_standby_leader = as_standby && leads_standby_cluster(d.view);
  if (!as_standby) {
    start.name = "starting primary after failure";
  } else if (d.view.postgres.role == postgres::Role::demoted) {
    start.name = "starting after demotion";
  }
  d.intend(std::move(start));
  d.memory.outage.recovering = true;
  return d.because(why);
}

/// ha.md §3.7.1 to §3.7.3, for a holder of the lock; nullopt: go on with the other steps.
std::optional<bool> recover_leader(Draft& d, State state) {
  const auto& dynamic = d.settings.dynamic;
  const Duration patience = dynamic.primary_start_timeout;
  const auto& last = d.view.last_operation;
  // ha.md §3.4.1: crash recovery that took too long was ended for this.
  const bool out_of_time = last && last->kind == OperationKind::crash_recovery && !last->ok() &&
                           d.memory.outage.since && d.now() - *d.memory.outage.since >= patience;
  if (patience == Duration::zero() || out_of_time) {
    const auto possible = failover_possible(d);
    if (!possible) return d.because(Code::race_asking);
    if (*possible) {
      d.intend(intent::Demote{DemoteMode::immediate});
      if (out_of_time) return d.because(Code::terminated_crash_recovery);
      d.say(log::Level::info, Code::failing_over_after_crash);
      return d.because(Code::stopped_to_fail_over);
    }
  }
  const bool in_place = patience > Duration::zero() && state == State::crashed &&
                        d.view.postgres.role == postgres::Role::primary && d.view.postgres.seen_running &&
                        !d.facts().standby_signal && fits_start_as_primary(*d.facts().control) &&
                        !dynamic.standby_cluster;
  if (in_place && d.view.fence.usable) {
    d.add(duty::Fence{.arm = true}, OnFailure::postpone_intent);
    return start(d, false, std::nullopt, Code::starting_primary);
  }
  return std::nullopt;
}

/// ha.md §3.7.5
bool recover_from_crash(Draft& d) {
  if (!crashed_as_primary(*d.facts().control) || d.memory.outage.crash_recovery_tried) return false;
  if (!d.cluster.unlocked() && !can_rewind(d.view)) return false;
  if (d.facts().backup_label &&
      (d.facts().major_version == 0 || d.facts().major_version >= kStartsFromBackupLabel)) {
    d.say(log::Level::info, Code::skip_crash_recovery);
    return false;
  }
  d.memory.outage.crash_recovery_tried = true;
  d.intend(intent::CrashRecover{});
  return d.because(Code::crash_recovery);
}

/// A clone was made just now: its control file shows the source's state, and its WAL is the source's.
bool is_new_copy(const View& view) {
  if (view.postgres.role != postgres::Role::uninitialized) return false;
  if (view.postgres.facts.backup_label) return true;
  const auto& last = view.last_operation;
  if (!last || !last->ok()) return false;
  // The first member of a standby cluster is a copy as well, and not started by what made it.
  return last->kind == OperationKind::clone || last->kind == OperationKind::finish_bootstrap;
}

/// What pg_rewind left half-way is no server: it is rewound again, or replaced where the configuration allows
/// that.
bool finish_rewind(Draft& d) {
  if (d.view.has_lock() && !d.settings.dynamic.standby_cluster) {
    d.release();
    return d.because(Code::half_rewound);
  }
  if (d.memory.rejoin.rewind != RewindState::failed) d.memory.rejoin.rewind = RewindState::need;
  if (rejoin_by_rewind(d)) return true;
  // Without a control file there is nothing to rewind any more.
  if (d.facts().control_error.empty()) d.memory.rejoin.rewind = RewindState::need;
  const auto leader = rejoin_source(d.view);
  if (leader && leader->primary && !d.memory.rejoin.error.empty()) {
    tell_rejoin_error(d);
  } else {
    d.say_each_minute(log::Level::warning, Code::half_rewound);
  }
  d.wake_in(kLookAgain);
  return d.because(Code::waiting_before_retry);
}

}  // namespace

State note_death(Draft& d) {
  const State state = d.view.postgres.state;
  static constexpr std::array kAlive = {State::running, State::starting, State::restarting};
  if (std::ranges::find(kAlive, state) == kAlive.end()) return state;
  const State now = d.settings.dynamic.pause ? State::stopped : State::crashed;
  d.say(log::Level::warning, Code::postgres_not_running);
  d.add(duty::SetState{now});
  d.memory.outage.since = d.now();
  d.memory.outage.crash_recovery_tried = false;
  return now;
}

bool recover(Draft& d) {
  const View& view = d.view;
  const State state = note_death(d);
  // ha.md §3 step 13: what was stopped for an operator's request goes on as a standby, and so does a copy
  // that he asked for.
  if (d.settings.dynamic.pause && (view.has_lock() || !d.memory.outage.start_is_due)) {
    if (!view.has_lock()) return d.because(Code::postgres_is_not_running);
    d.release();
    return d.because(Code::removed_lock_not_running);
  }
  if (d.memory.outage.recovering) return after_failed_start(d);
  const bool leader = leads(view);
  if (view.has_lock() && !leader) return d.because(Code::not_promoting_lock_update_failed);
  if (const auto when = retry_at(view, OperationKind::start, d.memory.outage.starts_failed);
      when && !leader) {
    tell_rejoin_error(d);
    d.wake(*when);
    return d.because(Code::waiting_before_retry);
  }
  // What is left of a rewind may be a control file that cannot be read: only a clone helps then.
  if (d.facts().half_rewound && !d.facts().control_error.empty()) return finish_rewind(d);
  if (!d.facts().control && leader && !d.facts().control_error.empty()) {
    // Nothing can be started on it, and others may lead.
    d.number("control_error", d.facts().control_error);
    d.release();
    return d.because(Code::removed_key_start_failed);
  }
  if (!d.facts().control) {
    // Read again in each cycle; without it nothing can be said about this data directory.
    d.decision.needs.control_file = true;
    return d.because(Code::postgres_is_not_running);
  }
  if (d.facts().half_rewound) return finish_rewind(d);
  if (leader)
    if (const auto decided = recover_leader(d, state)) return *decided;
  // ha.md §3.7.4: from here on nothing of this server can commit.
  if (leader && view.fence.holds) d.add(duty::Fence{.arm = false});
  const bool cloned = is_new_copy(view);
  if (!cloned && recover_from_crash(d)) return true;
  if (leader && !d.settings.dynamic.standby_cluster) {
    // ha.md §3.7.6
    d.memory.rejoin.rewind = RewindState::initial;
    return start(d, true, std::nullopt, Code::starting_readonly);
  }
  // ha.md §3.7.7
  if (!cloned && !rewind_executed(d.memory)) trigger_check(d);
  if (!cloned && rejoin_by_rewind(d)) return true;
  const Code why = leader ? Code::starting_standby_leader
                   : d.settings.dynamic.standby_cluster && d.cluster.unlocked() ? Code::following_remote
                                                                                : Code::starting_secondary;
  return start(d, true, wanted_upstream(view), why);
}

}  // namespace tanist::ha::policy
