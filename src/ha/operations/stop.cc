#include <algorithm>

#include "core/log.h"
#include "ha/operations/operation.h"
#include "ha/operations/steps.h"

/// Stopping a server that may be primary: demotion and the daemon's end. The leader key goes only when nobody can
/// commit any more and somebody has the last of the WAL, or when nothing of the server is left.
namespace tanist::ha::operations {
namespace {

using namespace std::chrono_literals;

constexpr Duration kCheckpointBudget = 1h;
constexpr Duration kStopBudget = 24h;
constexpr Duration kReleasePatience = 10s;
/// After SIGKILL nothing is left to wait for but the kernel.
constexpr Duration kKillBudget = 30s;

struct Stop {
  postgres::StopMode mode = postgres::StopMode::fast;
  bool checkpoint_first = false;
  bool release = false;
};

/// Ends with PostgreSQL down, the fence disarmed and, where asked for, the key released.
Task<Outcome> stop(OperationRunner& run, Stop how) {
  auto& server = run.ports().server;
  auto& host = run.host();
  const bool leader = host.keeper().lease().held(run.now());
  Lsn last_lsn;
  bool released = false;

  if (server.facts().process != postgres::Process::none) {
    if (how.checkpoint_first) {
      run.enter(Phase::checkpointing, Cancel::free, run.now() + kCheckpointBudget);
      auto checkpoint = server.checkpoint(run.now() + kCheckpointBudget);
      auto checkpointed = co_await std::move(checkpoint);
      if (!checkpointed) log::warning("{}", checkpointed.error().detail);
    }
    host.set_state(postgres::State::stopping);
    run.enter(Phase::stopping_clients, Cancel::no, run.now() + kStopBudget);
    if (how.mode == postgres::StopMode::fast) {
      auto script = server.run_before_stop(run.now() + kCheckpointBudget);
      co_await std::move(script);
    }
    server.signal_stop(how.mode);
    auto clients = server.wait_no_clients(run.now() + kStopBudget);
    co_await std::move(clients);

    if (how.mode == postgres::StopMode::fast && leader && how.release) {
      run.enter(Phase::waiting_shutdown_checkpoint, Cancel::no, run.now() + kStopBudget);
      auto shutdown = server.wait_shutdown_checkpoint(run.now() + kStopBudget);
      auto control = co_await std::move(shutdown);
      if (control) {
        auto reading = server.last_lsn(*control, run.now() + kReleasePatience);
        last_lsn = co_await std::move(reading);
        auto disarming = run.ports().fence.disarm("no process is left that can commit");
        co_await std::move(disarming);
        host.set_role(postgres::Role::demoted);
        run.enter(Phase::awaiting_release, Cancel::no, run.now() + kReleasePatience);
        // Once PostgreSQL is down the key is released anyway.
        auto down = [&server] { return server.facts().process == postgres::Process::none; };
        auto asking = run.verdict(control->latest_checkpoint, last_lsn, down, run.now() + kReleasePatience);
        const bool now = co_await std::move(asking);
        if (now) {
          auto releasing = host.release_key(last_lsn);
          released = co_await std::move(releasing);
          if (released) run.note_released();
        }
      }
    }
  }

  run.enter(Phase::waiting_down, Cancel::no, run.now() + kStopBudget);
  const auto settings = host.settings();
  // A lease that runs out is the keeper's business: it kills. A stop without a lease to lose may take its time, but a
  // demotion in immediate mode that hangs is killed.
  const Duration patience = how.mode == postgres::StopMode::immediate ? 5s : kStopBudget;
  auto waiting = server.wait_down(run.now() + patience);
  bool down = co_await std::move(waiting);
  if (!down) {
    log::warning("Timeout during postmaster stop, aborting Postgres.");
    auto killing = server.kill_everything(run.now() + kKillBudget);
    down = co_await std::move(killing);
  }
  if (!down) {
    host.set_state(postgres::State::stop_failed);
    co_return Outcome{false, "PostgreSQL could not be stopped"};
  }
  auto disarming = run.ports().fence.disarm("PostgreSQL is down");
  co_await std::move(disarming);
  host.set_state(postgres::State::stopped);
  if (host.role() == postgres::Role::primary || host.role() == postgres::Role::promoted)
    host.set_role(postgres::Role::demoted);
  host.fire_callback("on_stop", host.role());

  if (how.release && leader && !released) {
    run.enter(Phase::releasing, Cancel::no, run.now() + kReleasePatience);
    auto releasing = host.release_key(last_lsn ? std::optional<Lsn>(last_lsn) : std::nullopt);
    released = co_await std::move(releasing);
    if (released) run.note_released();
  }
  host.publish();
  co_return Outcome{true, {}};
}

}  // namespace

Task<bool> stop_and_wait(OperationRunner& run, postgres::StopMode mode) {
  auto& server = run.ports().server;
  run.enter(Phase::waiting_down, Cancel::no, run.now() + kStopBudget);
  if (mode == postgres::StopMode::fast) {
    auto script = server.run_before_stop(run.now() + kCheckpointBudget);
    co_await std::move(script);
  }
  server.signal_stop(mode);
  auto waiting = server.wait_down(run.now() + (mode == postgres::StopMode::immediate ? 5s : kStopBudget));
  bool down = co_await std::move(waiting);
  if (!down) {
    auto killing = server.kill_everything(run.now() + kKillBudget);
    down = co_await std::move(killing);
  }
  co_return down;
}

Task<Outcome> demote(OperationRunner& run, DemoteMode mode) {
  static constexpr std::string_view kNames[] = {"graceful", "immediate", "immediate-nolock", "offline"};
  log::info("Demoting self ({})", kNames[static_cast<int>(mode)]);
  Stop how;
  how.mode = mode == DemoteMode::graceful || mode == DemoteMode::offline ? postgres::StopMode::fast
                                                                         : postgres::StopMode::immediate;
  how.checkpoint_first = mode == DemoteMode::graceful;
  how.release = mode == DemoteMode::graceful || mode == DemoteMode::immediate;
  auto stopping = stop(run, how);
  auto stopped = co_await std::move(stopping);
  if (stopped.ok) run.host().set_role(postgres::Role::demoted);
  co_return stopped;
}

Task<Outcome> shutdown(OperationRunner& run, bool hurry) {
  Stop how;
  how.mode = hurry ? postgres::StopMode::immediate : postgres::StopMode::fast;
  how.release = true;
  auto stopping = stop(run, how);
  auto stopped = co_await std::move(stopping);
  if (!stopped.ok) log::error("PostgreSQL shutdown failed, leader key not removed.");
  co_return stopped;
}

}  // namespace tanist::ha::operations
