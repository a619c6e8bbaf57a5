#include "ha/policy/outage.h"

#include "ha/policy/questions.h"
#include "ha/policy/recovering.h"
#include "ha/policy/rejoin.h"

namespace tanist::ha::policy {
namespace {

/// ha.md §15, mode offline: stopped as a primary (by a demotion, or at the lease's deadline), it goes on as a
/// standby that follows nobody.
bool serve_reads(Draft& d) {
  const auto& facts = d.facts();
  const auto role = d.view.postgres.role;
  const bool stopped_by_lease = is_leaderlike(role) && !d.view.lease.held(d.now());
  const bool fits = (role == postgres::Role::demoted || stopped_by_lease) &&
                    facts.data_directory == postgres::DataDirectory::ok && !facts.half_rewound &&
                    facts.control && valid_system_id(facts.system_identifier);
  if (!fits || d.memory.outage.recovering || retry_at(d.view, OperationKind::start)) return false;
  // Only what this daemon itself has demoted: a stopped server of unknown past waits for the store.
  if (!d.view.postgres.seen_running || (!d.view.last_operation && !stopped_by_lease)) return false;
  if (stopped_by_lease) {
    d.add(duty::SetRole{postgres::Role::demoted});
    trigger_check(d);
  }
  d.intend(intent::Start{.as_standby = true, .upstream = std::nullopt, .name = "starting after demotion"});
  d.memory.outage.recovering = true;
  return true;
}

}  // namespace

bool sit_out_outage(Draft& d) {
  const View& view = d.view;
  if (view.store.ok) return false;
  d.number("unavailable_seconds", seconds(d.now() - view.store.unavailable_since));
  d.because(Code::dcs_not_accessible);
  const auto& last = view.last_operation;
  const bool just_demoted =
      last && last->kind == OperationKind::demote && last->serial > view.memory.results_seen;
  if (d.facts().process == postgres::Process::none) {
    if (d.settings.dynamic.pause) return true;
    // A crash under a promise is a crash like any other: it is started again where it is.
    if (leads(view) && view.lease.promised) return recover(d);
    note_death(d);
    serve_reads(d);
    return just_demoted ? d.because(Code::dcs_demoted) : true;
  }
  if (d.settings.dynamic.pause || !may_commit(view)) return true;
  // Before that instant a silent store is no reason to stop: nobody else can have the key.
  if (leads(view)) {
    const Instant stop_at = lease_deadlines(view.lease).stop_at;
    d.wake(stop_at);
    d.number("left_seconds", seconds(stop_at - d.now()));
    return d.because(view.lease.promised ? Code::continue_in_failsafe : Code::lease_still_holds);
  }
  d.intend(intent::Demote{DemoteMode::offline});
  trigger_check(d);
  return d.because(Code::dcs_demoting);
}

}  // namespace tanist::ha::policy
