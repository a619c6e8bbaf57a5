#include "ha/operations/operation.h"
#include "ha/operations/steps.h"
#include "log/log.h"

TANIST_LOGGER("patroni.ha");

/// Logical slots of the leader, put into the data directory of a standby (replication.md §8). A running
/// server does not notice new slots, so it is restarted for them.
namespace tanist::ha::operations {
namespace {

using namespace std::chrono_literals;

constexpr Duration kFetchBudget = 10s;
/// A restart without it takes longer, and no more than that.
constexpr Duration kRestartpointBudget = 1min;
constexpr Duration kWriteBudget = 30s;

}  // namespace

Task<Outcome> copy_slots(OperationRunner& run, intent::CopySlots what) {
  auto& server = run.ports().server;
  run.enter(Phase::fetching_slots, Cancel::free, run.now() + kFetchBudget);
  auto fetching = server.fetch_slots(std::move(what.leader), std::move(what.slots), run.now() + kFetchBudget);
  auto fetched = co_await std::move(fetching);
  if (!fetched) co_return failed(fetched.error().detail);
  if (fetched->empty()) co_return done();
  const postgres::Role before = run.host().role();
  run.enter(Phase::checkpointing, Cancel::free, run.now() + kRestartpointBudget);
  auto checkpointed = co_await server.checkpoint(run.now() + kRestartpointBudget);
  if (!checkpointed) log::warning("{}", checkpointed.error().detail);
  run.host().set_state(postgres::State::stopping);
  const bool down = co_await stop_and_wait(run, postgres::StopMode::fast);
  if (!down) {
    run.host().set_state(postgres::State::stop_failed);
    co_return failed("PostgreSQL could not be stopped");
  }
  run.host().set_state(postgres::State::stopped);
  run.host().fire_callback("on_stop", before);
  // Whatever becomes of the slots, the standby is started again.
  run.enter(Phase::writing_slots, Cancel::no, run.now() + kWriteBudget);
  auto written = co_await server.write_slots(std::move(*fetched), run.now() + kWriteBudget);
  if (!written) log::error("{}", written.error().detail);
  postgres::StartRequest request;
  request.upstream = std::move(what.upstream);
  auto started =
      co_await start_server(run, std::move(request), postgres::State::starting, start_patience(run, true));
  const postgres::Role after = run.host().role();
  if (started.ok()) run.host().fire_callback(standby_action(run, "on_start", before, after), after);
  if (started.ok() && !written) co_return failed(written.error().detail);
  co_return started;
}

}  // namespace tanist::ha::operations
