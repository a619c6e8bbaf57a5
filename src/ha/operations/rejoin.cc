#include "core/log.h"
#include "ha/operations/operation.h"
#include "ha/operations/steps.h"

/// Taking a lost member back: crash recovery, pg_rewind, a new clone.
namespace tanist::ha::operations {
namespace {
using namespace std::chrono_literals;
constexpr Duration kBudget = 24h * 30;
}  // namespace

Task<Outcome> crash_recover(OperationRunner& run) {
  run.enter(Phase::recovering, Cancel::free, run.now() + kBudget);
  auto recovering = run.ports().server.crash_recover(run.now() + kBudget);
  auto recovered = co_await std::move(recovering);
  if (!recovered) co_return Outcome{false, recovered.error().detail};
  co_return Outcome{true, {}};
}

Task<Outcome> rewind(OperationRunner& run, intent::Rewind what) {
  auto& server = run.ports().server;
  if (server.facts().process != postgres::Process::none) {
    run.host().set_state(postgres::State::stopping);
    auto stopping = stop_and_wait(run, postgres::StopMode::fast);
    const bool down = co_await std::move(stopping);
    if (!down) co_return Outcome{false, "PostgreSQL could not be stopped"};
    run.host().set_state(postgres::State::stopped);
  }
  run.enter(Phase::rewinding, Cancel::free, run.now() + kBudget);
  auto& host = run.host();
  auto progress = [&host](postgres::Progress p) { host.set_progress(p); };
  auto rewinding = server.rewind(what.source, progress, run.now() + kBudget);
  auto rewound = co_await std::move(rewinding);
  if (!rewound) co_return Outcome{false, rewound.error().detail};
  co_return Outcome{true, {}};
}

Task<Outcome> clone(OperationRunner& run, intent::Clone what) {
  auto& server = run.ports().server;
  auto& host = run.host();
  if (!what.why_removal_allowed.empty()) {
    auto stopping = stop_and_wait(run, postgres::StopMode::immediate);
    const bool down = co_await std::move(stopping);
    if (!down) co_return Outcome{false, "PostgreSQL could not be stopped"};
    run.enter(Phase::removing, Cancel::critical, run.now() + kBudget);
    host.set_role(postgres::Role::uninitialized);
    auto removing = server.remove_data_directory(what.why_removal_allowed, run.now() + kBudget);
    auto removed = co_await std::move(removing);
    if (!removed) co_return Outcome{false, removed.error().detail};
  }
  host.set_state(postgres::State::creating_replica);
  run.enter(Phase::cloning, Cancel::free, run.now() + kBudget);
  auto progress = [&host](postgres::Progress p) { host.set_progress(p); };
  auto cloning = server.base_backup(what.source, progress, run.now() + kBudget);
  auto cloned = co_await std::move(cloning);
  host.set_progress(std::nullopt);
  if (!cloned) {
    log::error("failed to bootstrap from {} '{}'", what.from_leader ? "leader" : "replica", what.source_name);
    host.set_state(postgres::State::stopped);
    co_return Outcome{false, cloned.error().detail};
  }
  log::info("bootstrapped from {} '{}'", what.from_leader ? "leader" : "replica", what.source_name);
  host.set_state(postgres::State::stopped);
  // The next decision starts it, on the view of then: the leader may have changed while it was cloned.
  co_return Outcome{true, {}};
}

}  // namespace tanist::ha::operations
