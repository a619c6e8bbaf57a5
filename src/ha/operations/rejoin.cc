#include <algorithm>

#include "ha/operations/operation.h"
#include "ha/operations/steps.h"
#include "log/log.h"

TANIST_LOGGER("patroni.ha");

/// Taking a lost member back: crash recovery, pg_rewind, a new clone.
namespace tanist::ha::operations {
namespace {
using namespace std::chrono_literals;
constexpr Duration kBudget = 24h * 30;
constexpr Duration kConfirmPatience = 30s;
constexpr const char* kBranchStays = "the note of the timeline that the data are on could not be emptied";
}  // namespace

Task<Outcome> crash_recover(OperationRunner& run) {
  run.enter(Phase::recovering, Cancel::free, run.now() + kBudget);
  auto recovered = co_await run.ports().server.crash_recover(run.now() + kBudget);
  if (!recovered) co_return failed(recovered.error().detail);
  co_return done();
}

namespace {

/// Stops what runs, for good: callbacks are told. False: something is still there.
Task<bool> stop_for_rejoin(OperationRunner& run, postgres::StopMode mode) {
  auto& host = run.host();
  const bool running = run.ports().server.facts().process == postgres::Process::running;
  if (running) host.set_state(postgres::State::stopping);
  const bool down = co_await stop_and_wait(run, mode);
  if (!down) host.set_state(postgres::State::stop_failed);
  if (down && running) {
    host.set_state(postgres::State::stopped);
    host.fire_callback("on_stop", host.role());
  }
  co_return down;
}

}  // namespace

Task<Outcome> rewind(OperationRunner& run, intent::Rewind what) {
  auto& server = run.ports().server;
  auto& host = run.host();
  if (what.checkpoint_source) {
    run.enter(Phase::preparing, Cancel::free, run.now() + kCheckpointBudget);
    log::info("Waiting for checkpoint on {} before rewind", what.leader);
    auto checkpointed = co_await server.checkpoint_source(what.source, run.now() + kCheckpointBudget);
    // Nothing was tried yet that could have failed for good.
    if (!checkpointed) co_return failed(checkpointed.error().detail, Ending::source_lost);
  }
  const bool down = co_await stop_for_rejoin(run, postgres::StopMode::fast);
  if (!down) co_return failed("Can not run pg_rewind because postgres is still running", Ending::source_lost);
  run.enter(Phase::rewinding, Cancel::free, run.now() + kBudget);
  const bool forgotten = co_await host.forget_branch();
  if (!forgotten) co_return failed(kBranchStays, Ending::source_lost);
  auto progress = [&host](postgres::Progress p) { host.set_progress(p); };
  auto rewound = co_await server.rewind(what.source, progress, run.now() + kBudget);
  if (!rewound) {
    const auto& failure = rewound.error();
    co_return failed(failure.detail, failure.source_lost ? Ending::source_lost : Ending::failed);
  }
  co_return done();
}

namespace {

bool keeps_data(const config::Postgresql& postgresql, bool basebackup_only) {
  if (basebackup_only) return false;
  return std::ranges::any_of(postgresql.copying.create_replica_methods, [&](const std::string& name) {
    const auto method = postgresql.copying.replica_methods.find(name);
    return method != postgresql.copying.replica_methods.end() && method->second.keep_data;
  });
}

}  // namespace

Task<Outcome> clone(OperationRunner& run, intent::Clone what) {
  auto& server = run.ports().server;
  auto& host = run.host();
  Instant begin_by = Instant::max();
  if (!what.why_removal_allowed.empty()) {
    const bool down = co_await stop_for_rejoin(run, postgres::StopMode::immediate);
    if (!down) co_return failed("PostgreSQL could not be stopped");
    if (what.order) {
      // Down already: between the answer and the removal nothing takes its time any more.
      run.enter(Phase::awaiting_go, Cancel::free, run.now() + kConfirmPatience);
      auto asking = run.verdict({}, [] { return false; }, run.now() + kConfirmPatience);
      const bool go = co_await std::move(asking);
      if (!go) co_return failed("whether another member can still give a copy could not be told in time");
      begin_by = run.good_until();
    }
    run.enter(Phase::removing, Cancel::critical, run.now() + kBudget);
    const bool emptied = co_await host.forget_branch();
    if (!emptied) co_return failed(kBranchStays);
    if (run.now() >= begin_by)
      co_return failed("the data directory is kept: the decision to remove it is too old");
    host.set_role(postgres::Role::uninitialized);
    // A method that keeps data takes from it what it can; the others begin with an empty directory.
    if (!keeps_data(host.settings()->postgresql, what.basebackup_only)) {
      auto removed =
          co_await server.remove_data_directory(what.why_removal_allowed, begin_by, run.now() + kBudget);
      if (!removed) co_return failed(removed.error().detail);
    }
  }
  // Somebody else may have removed what was here.
  const bool forgotten = co_await host.forget_branch();
  if (!forgotten) co_return failed(kBranchStays);
  const std::string shown =
      !what.source ? std::string("(without leader)")
                   : fmt::format("from {} '{}'", what.from_leader ? "leader" : "replica", what.source_name);
  host.set_state(postgres::State::creating_replica);
  run.enter(Phase::cloning, Cancel::free, run.now() + kBudget);
  // It may take hours: the member key tells at once.
  host.wake();
  auto progress = [&host](postgres::Progress p) { host.set_progress(p); };
  postgres::ReplicaRequest request{.source = what.source,
                                   .basebackup_only = what.basebackup_only,
                                   .why_removal_allowed = what.why_removal_allowed};
  auto cloned = co_await server.create_replica(std::move(request), progress, run.now() + kBudget);
  host.set_progress(std::nullopt);
  if (!cloned) {
    log::error("failed to bootstrap {}", shown);
    host.set_state(postgres::State::stopped);
    co_return failed(cloned.error().detail);
  }
  log::info("bootstrapped {}", shown);
  host.set_state(postgres::State::stopped);
  // The next decision starts it, on the view of then: the leader may have changed while it was cloned.
  co_return done();
}

}  // namespace tanist::ha::operations
