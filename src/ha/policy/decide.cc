#include "ha/policy/decide.h"
#include "ha/model/decision.h"
#include "ha/policy/bootstrap.h"
#include "ha/policy/data_directory.h"
#include "ha/policy/draft.h"
#include "ha/policy/following.h"
#include "ha/policy/leading.h"
#include "ha/policy/outage.h"
#include "ha/policy/questions.h"
#include "ha/policy/race.h"
#include "ha/policy/recovering.h"
#include "ha/policy/reinitialize.h"
#include "ha/policy/rejoin.h"
#include "ha/policy/restart.h"
#include "ha/policy/results.h"
#include "ha/policy/shutdown.h"
#include "ha/policy/slots.h"
#include "ha/policy/standby_cluster.h"
#include "ha/policy/timelines.h"
#include "ha/policy/watching.h"
#include "ha/policy/zones.h"

/// The decision: rules in their order, the first that answers ends it. Each rule is in policy/, with the
/// section of the specification it stands for.
namespace tanist::ha {
namespace {

using namespace std::chrono_literals;
using policy::Draft;

constexpr Duration kOrphansPause = 20ms;
/// At the end of a pause a control file that was read longer ago than this says nothing.
constexpr Duration kControlAge = 1s;

bool is_standby(postgres::Role role) {
  return role == postgres::Role::replica || role == postgres::Role::standby_leader;
}

/// The words of member key and REST follow what was seen; a running operation sets them itself.
void name_what_is_seen(Draft& d) {
  if (d.view.operation || !d.facts().running()) return;
  const auto state = d.view.postgres.state;
  const auto role = d.view.postgres.role;
  if (d.facts().accepts() && state != postgres::State::running)
    d.add(duty::SetState{postgres::State::running});
  // postgres.md §7: it starts, or recovers from the crash of a backend, whatever it answered before.
  if (d.facts().refuses() && state != postgres::State::starting && state != postgres::State::restarting)
    d.add(duty::SetState{postgres::State::starting, d.facts().failing_since});
  if (d.facts().accepts() && d.facts().probe) {
    // ha.md §3.7: what was gathered about an outage ends with it.
    d.memory.outage.since.reset();
    d.memory.outage.crash_recovery_tried = false;
    d.memory.outage.start_timeout.reset();
    d.memory.outage.start_is_due = false;
    const auto seen = policy::is_primary(d.view)  ? postgres::Role::primary
                      : d.view.postgres.promoting ? postgres::Role::promoted
                                                  : policy::standby_role(d.view);
    if (role != seen) d.add(duty::SetRole{seen});
    // ha.md §10.1.7: without a restart nothing else tells of it.
    const bool other_standby = role != seen && is_standby(role) && is_standby(seen);
    if (other_standby && d.memory.callback_fired)
      d.add(duty::Callback{.action = "on_role_change", .role = seen});
    // ha.md §3 step 15
    if (!d.memory.callback_fired && !d.memory.making.bootstrapping) {
      d.memory.callback_fired = true;
      // What an adopted standby has of the leader's history is not known.
      if (is_standby(seen)) policy::trigger_check(d);
      d.add(duty::Callback{.action = "on_start", .role = seen});
    }
  }
}

/// What is remembered of one decision for the next.
void keep_books(Draft& d) {
  // ha.md §3.1
  if (!d.view.store.ok) return;
  const dcs::Member* leader = d.cluster.leader_member();
  if (leader && leader->name != d.me()) d.memory.following.leader_timeline = leader->timeline;
  if (!d.cluster.unlocked()) {
    d.memory.race.backoff_since.reset();
    d.memory.race.left_to_zone_since.reset();
    d.memory.race.left_for_slots_since.reset();
    d.memory.following.leaderless_since.reset();
    d.memory.requested.left_to_candidate_since.reset();
  }
  // ha.md §3 step 2; in pause, too: an administrator may put another data directory in the place of this one.
  const auto& control = d.facts().control;
  if ((d.settings.dynamic.pause || d.memory.was_paused) &&
      (!control ||
       d.now() - control->seen_at > (d.settings.dynamic.pause ? d.timing().loop_wait : kControlAge)))
    d.decision.needs.control_file = true;
  if (d.memory.was_paused && !d.settings.dynamic.pause) d.memory.rejoin.rewind = RewindState::initial;
  d.memory.was_paused = d.settings.dynamic.pause;
  policy::watch_timeline(d.view, d.memory);
  policy::watch_zones(d);
}

/// A copy of the store that does not know of a lease that was proven: only a fresh view tells which is right.
bool contradicts_lease(Draft& d) {
  if (!d.view.store.ok || d.view.has_lock() || !d.view.lease.held(d.now())) return false;
  if (d.linearizable()) return false;
  return d.because(Code::view_contradicts_lease);
}

/// ha.md §3 step 13; engine.md §4: PostgreSQL is down when nothing of it is left.
bool wait_for_orphans(Draft& d) {
  if (d.facts().process != postgres::Process::orphans || d.view.operation) return false;
  policy::note_death(d);
  d.wake_in(kOrphansPause);
  return d.because(Code::waiting_for_processes);
}

/// engine.md §5: the fence is disarmed wherever nothing can commit and nothing is about to, and in pause.
void disarm(Draft& d) {
  if (d.view.fence.holds && d.settings.dynamic.pause) d.add(duty::Fence{.arm = false});
  if (d.settings.dynamic.pause) return;
  const bool leads = d.view.has_lock() && !d.settings.dynamic.standby_cluster;
  if (!d.view.fence.holds || d.view.operation || leads || policy::may_commit(d.view)) return;
  if (d.facts().process != postgres::Process::orphans && !d.memory.race.acquiring)
    d.add(duty::Fence{.arm = false});
}

bool recover_if_down(Draft& d) {
  return d.facts().process == postgres::Process::none && policy::recover(d);
}

bool take_part(Draft& d) {
  if (d.view.store.lock_unknown && !d.linearizable()) return d.because(Code::race_asking);
  if (d.view.has_lock()) return policy::lead(d);
  if (policy::locked_by_other(d.view)) return policy::follow_leader(d);
  return policy::race_for_lock(d);
}

constexpr bool (*kRules[])(Draft&) = {
    policy::restart_as_asked,       // ha.md §11.1
    policy::reinitialize_as_asked,  // ha.md §11.3
    policy::shut_down,              // ha.md §2
    contradicts_lease,              //
    policy::watch_operation,        // ha.md §3.4
    policy::go_on_bootstrapping,    // ha.md §3.6
    wait_for_orphans,               //
    policy::sit_out_outage,         // ha.md §9
    policy::check_data,             // ha.md §3 steps 10 to 12
    recover_if_down,                // ha.md §3.7
    take_part,                      // ha.md §3.5, §3.8, §5
};

}  // namespace

Decision decide(const View& view) {
  Draft d(view);
  policy::learn_result(d);
  keep_books(d);
  name_what_is_seen(d);
  for (const auto rule : kRules)
    if (rule(d)) break;
  policy::restart_as_scheduled(d);
  const bool busy = view.operation && view.operation->kind != OperationKind::promote;
  // replication.md §10: in an outage the primary that asked tells where its slots are.
  if ((view.store.ok || view.promise) && !busy && !d.decision.needs.any()) policy::keep_slots(d);
  if (view.store.ok) {
    disarm(d);
    d.add(duty::Member{});
    d.memory.joined = d.memory.joined || !d.decision.needs.any();
  }
  if (const Lsn position = policy::own_position(view)) d.memory.race.previous_position = position;
  d.memory.standings.diverged = policy::diverged(view, d.memory);
  return d.finish();
}

}  // namespace tanist::ha
