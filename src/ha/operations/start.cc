#include "ha/operations/operation.h"
#include "ha/operations/steps.h"
#include "log/log.h"

TANIST_LOGGER("patroni.ha");

/// Starting a server: after a crash, after a demotion, with new recovery settings, after a clone.
namespace tanist::ha::operations {

using namespace std::chrono_literals;

namespace {

postgres::Role role_of(bool standby, bool leads) {
  if (!standby) return postgres::Role::primary;
  return leads ? postgres::Role::standby_leader : postgres::Role::replica;
}

}  // namespace

Duration start_patience(OperationRunner& run, bool as_standby) {
  // A timeout of zero means to fail over instead of starting; where nobody can take over it is no limit.
  return as_standby ? 0s : run.host().settings()->dynamic.primary_start_timeout;
}

Task<Outcome> start_server(OperationRunner& run, postgres::StartRequest request,
                           postgres::State while_starting, Duration patience) {
  auto& server = run.ports().server;
  const auto settings = run.host().settings();
  const Instant deadline = run.now() + (patience <= 0s ? kForever : patience);
  const postgres::Role role = request.role;
  if (!request.as_standby) {
    // Looked at again right before the launch: what comes before it asks the disk, and may take its time.
    request.allowed = [&run] { return run.host().keeper().lease().held(run.now()); };
    if (!request.allowed()) co_return failed("not starting as primary without the lease");
  }
  // engine.md §5: what is armed would be killed with the lease that is over, and this needs none.
  if (request.as_standby && run.ports().fence.holds()) {
    co_await run.ports().fence.disarm("PostgreSQL starts as a standby");
  }
  run.host().set_role(role);
  run.host().set_state(while_starting);
  run.enter(Phase::starting, Cancel::free, deadline);
  auto launched = co_await server.start(std::move(request), run.now() + settings->postgresql.pg_ctl_timeout);
  if (!launched) {
    run.host().set_state(postgres::State::start_failed);
    co_return failed(launched.error().detail);
  }
  auto waiting = server.wait_started(deadline);
  switch (co_await std::move(waiting)) {
    case postgres::StartOutcome::accepting: break;
    case postgres::StartOutcome::died:
      log::error("postmaster is not running");
      run.host().set_state(postgres::State::start_failed);
      co_return failed("postmaster is not running");
    case postgres::StartOutcome::timed_out: co_return failed("timed out waiting for PostgreSQL to start");
  }
  run.host().set_state(postgres::State::running);
  run.host().publish();
  co_return done();
}

std::string standby_action(OperationRunner& run, std::string action, postgres::Role before,
                           postgres::Role after) {
  using postgres::Role;
  const bool led = before == Role::primary || before == Role::promoted || before == Role::demoted;
  const bool other_standby = before != after &&
                             (before == Role::standby_leader || after == Role::standby_leader) &&
                             (before == Role::replica || after == Role::replica);
  return run.host().callback_fired() && (led || other_standby) ? "on_role_change" : action;
}

Task<Outcome> start(OperationRunner& run, intent::Start what) {
  postgres::StartRequest request;
  request.as_standby = what.as_standby;
  request.upstream = what.upstream;
  request.role = role_of(what.as_standby, what.as_standby_leader);
  const postgres::Role before = run.host().role();
  const Duration patience = start_patience(run, what.as_standby);
  auto starting = start_server(run, std::move(request), postgres::State::starting, patience);
  auto started = co_await std::move(starting);
  const postgres::Role after = run.host().role();
  if (started.ok())
    run.host().fire_callback(what.as_standby ? standby_action(run, "on_start", before, after) : "on_start",
                             after);
  co_return started;
}

Task<Outcome> follow_restart(OperationRunner& run, intent::Follow what) {
  const postgres::Role before = run.host().role();
  run.host().set_state(postgres::State::restarting);
  const bool down = co_await stop_and_wait(run, postgres::StopMode::fast);
  if (!down) co_return failed("PostgreSQL could not be stopped");
  postgres::StartRequest request;
  request.upstream = std::move(what.upstream);
  request.role = role_of(true, what.as_standby_leader);
  auto started =
      co_await start_server(run, std::move(request), postgres::State::restarting, start_patience(run, true));
  const postgres::Role after = run.host().role();
  if (started.ok()) run.host().fire_callback(standby_action(run, "on_restart", before, after), after);
  co_return started;
}

Task<Outcome> restart(OperationRunner& run, intent::Restart what) {
  auto& server = run.ports().server;
  const postgres::Role before = run.host().role();
  const Duration patience = what.timeout.value_or(run.host().settings()->dynamic.primary_start_timeout);
  if (server.facts().process != postgres::Process::none) {
    const Instant until = run.now() + (patience <= 0s ? kCheckpointBudget : patience);
    run.enter(Phase::checkpointing, Cancel::free, until);
    auto checkpointed = co_await server.checkpoint(until);
    if (!checkpointed) log::warning("{}", checkpointed.error().detail);
    run.host().set_state(postgres::State::restarting);
    const bool down = co_await stop_and_wait(run, postgres::StopMode::fast);
    if (!down) co_return failed("PostgreSQL could not be stopped");
  }
  postgres::StartRequest request;
  request.as_standby = what.as_standby;
  request.upstream = std::move(what.upstream);
  request.role = role_of(what.as_standby, what.as_standby_leader);
  auto started = co_await start_server(run, std::move(request), postgres::State::restarting, patience);
  const postgres::Role after = run.host().role();
  if (started.ok()) {
    run.host().fire_callback(
        what.as_standby ? standby_action(run, "on_restart", before, after) : "on_restart", after);
  } else if (server.facts().process == postgres::Process::none) {
    run.host().set_state(postgres::State::restart_failed);
  }
  co_return started;
}

}  // namespace tanist::ha::operations
