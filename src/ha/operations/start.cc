#include "core/log.h"
#include "ha/operations/operation.h"
#include "ha/operations/steps.h"

/// Starting a server: after a crash, after a demotion, with new recovery settings, after a clone.
namespace tanist::ha::operations {
namespace {
using namespace std::chrono_literals;
constexpr Duration kForever = 24h * 365;
}  // namespace

Task<Outcome> start_server(OperationRunner& run, postgres::StartRequest request,
                           postgres::State while_starting) {
  auto& server = run.ports().server;
  const auto settings = run.host().settings();
  // A standby may replay for long before it is consistent; the next decision may end this at any moment.
  // A timeout of zero means to fail over instead of starting; where nobody can take over it is no limit.
  const Duration timeout = settings->dynamic.primary_start_timeout;
  const Instant deadline = run.now() + (request.as_standby || timeout <= 0s ? kForever : timeout);
  const postgres::Role role = request.role;
  if (!request.as_standby && !run.host().keeper().lease().held(run.now()))
    co_return Outcome{false, "not starting as primary without the lease"};
  run.host().set_role(role);
  run.host().set_state(while_starting);
  run.enter(Phase::starting, Cancel::free, deadline);
  auto launch = server.start(std::move(request), run.now() + settings->postgresql.pg_ctl_timeout);
  auto launched = co_await std::move(launch);
  if (!launched) {
    run.host().set_state(postgres::State::start_failed);
    co_return Outcome{false, launched.error().detail};
  }
  auto waiting = server.wait_started(deadline);
  switch (co_await std::move(waiting)) {
    case postgres::StartOutcome::accepting: break;
    case postgres::StartOutcome::died:
      log::error("postmaster is not running");
      run.host().set_state(postgres::State::start_failed);
      co_return Outcome{false, "postmaster is not running"};
    case postgres::StartOutcome::timed_out:
      co_return Outcome{false, "timed out waiting for PostgreSQL to start"};
  }
  run.host().set_state(postgres::State::running);
  run.host().publish();
  co_return Outcome{true, {}};
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
  request.role = what.as_standby ? postgres::Role::replica : postgres::Role::primary;
  const postgres::Role before = run.host().role();
  auto starting = start_server(run, std::move(request), postgres::State::starting);
  auto started = co_await std::move(starting);
  const postgres::Role after = run.host().role();
  if (started.ok)
    run.host().fire_callback(what.as_standby ? standby_action(run, "on_start", before, after) : "on_start",
                             after);
  co_return started;
}

Task<Outcome> follow_restart(OperationRunner& run, std::optional<postgres::Upstream> upstream) {
  const postgres::Role before = run.host().role();
  run.host().set_state(postgres::State::restarting);
  auto stopping = stop_and_wait(run, postgres::StopMode::fast);
  const bool down = co_await std::move(stopping);
  if (!down) co_return Outcome{false, "PostgreSQL could not be stopped"};
  postgres::StartRequest request;
  request.upstream = std::move(upstream);
  auto starting = start_server(run, std::move(request), postgres::State::restarting);
  auto started = co_await std::move(starting);
  const postgres::Role after = run.host().role();
  if (started.ok) run.host().fire_callback(standby_action(run, "on_restart", before, after), after);
  co_return started;
}

Task<Outcome> restart(OperationRunner& run) {
  auto& server = run.ports().server;
  const postgres::Role role = run.host().role();
  const bool primary = role == postgres::Role::primary || role == postgres::Role::promoted;
  const auto settings = run.host().settings();
  run.enter(Phase::checkpointing, Cancel::free, run.now() + settings->dynamic.primary_start_timeout);
  auto checkpoint = server.checkpoint(run.now() + settings->dynamic.primary_start_timeout);
  auto checkpointed = co_await std::move(checkpoint);
  if (!checkpointed) log::warning("{}", checkpointed.error().detail);
  run.host().set_state(postgres::State::restarting);
  auto stopping = stop_and_wait(run, postgres::StopMode::fast);
  const bool down = co_await std::move(stopping);
  if (!down) co_return Outcome{false, "PostgreSQL could not be stopped"};
  postgres::StartRequest request;
  request.as_standby = !primary;
  request.role = primary ? postgres::Role::primary : postgres::Role::replica;
  auto starting = start_server(run, std::move(request), postgres::State::restarting);
  auto started = co_await std::move(starting);
  if (!started.ok) run.host().set_state(postgres::State::restart_failed);
  if (started.ok) run.host().fire_callback("on_restart", role);
  co_return started;
}

}  // namespace tanist::ha::operations
