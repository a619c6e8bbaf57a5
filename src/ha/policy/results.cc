#include "ha/policy/results.h"

#include <algorithm>

#include "ha/policy/rejoin.h"
#include "ha/policy/standby_cluster.h"

namespace tanist::ha::policy {
namespace {

/// Of what is told to others.
constexpr std::size_t kShownError = 300;

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
    const auto source = rejoin_source(d.view);
    const bool source_there = source && source->primary && result.ending != Ending::source_lost;
    const bool unusable = d.facts().half_rewound && !d.facts().control_error.empty();
    rewind = source_there || unusable ? RewindState::failed : RewindState::need;
    if (!source_there && !unusable) return;
    const std::string from = source ? source->name : std::string();
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
    case OperationKind::rewind:
      learn_rewind(d, *result);
      d.memory.outage.start_is_due = true;
      break;
    case OperationKind::copy_slots:
    case OperationKind::crash_recovery: d.memory.outage.start_is_due = true; break;
    case OperationKind::promote:
      if (result->ending == Ending::pre_promote_failed) d.memory.promotion.pre_promote_failed = true;
      // The words were ahead of the server.
      if (!result->ok() && d.facts().running() && d.facts().probe && d.facts().probe->in_recovery &&
          !d.view.postgres.promoting)
        d.add(duty::SetRole{postgres::Role::replica});
      break;
    case OperationKind::demote:
    case OperationKind::shutdown:
      // Given up before anything was stopped.
      if (result->ending == Ending::cancelled && d.facts().running()) break;
      d.memory.slots.seen.clear();
      d.memory.slots.seeded = false;
      d.memory.outage.start_is_due = true;
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
      // One that failed before anything was removed leaves what was stopped for it.
      if (result->ok()) d.memory.outage.start_is_due = true;
      break;
    default: break;
  }
}

}  // namespace tanist::ha::policy
