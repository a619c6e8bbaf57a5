#include <algorithm>
#include <functional>
#include <optional>
#include <vector>

#include "async/wait.h"
#include "ha/operations/operation.h"
#include "ha/operations/steps.h"
#include "log/log.h"

TANIST_LOGGER("patroni.ha");

/// Stopping a server that may be primary: demotion and the daemon's end. The leader key goes only when nobody
/// can commit any more and somebody has the last of the WAL, or when nothing of the server is left.
namespace tanist::ha::operations {
namespace {

using namespace std::chrono_literals;

constexpr Duration kScriptBudget = 1h;
constexpr Duration kStopBudget = 24h;
constexpr Duration kReleasePatience = 10s;
constexpr Duration kGoPatience = 30s;
/// A file to the archive; the standby leader is not there until then.
constexpr Duration kArchivePatience = 1min;
/// Once PostgreSQL is down what was sent has been received, or never will be.
constexpr Duration kReceivedPatience = 3s;
/// PostgreSQL itself kills what has not ended after five seconds of an immediate shutdown.
constexpr Duration kImmediatePatience = 5s;
/// After SIGKILL nothing is left to wait for but the kernel.
constexpr Duration kKillBudget = 30s;

struct Stop {
  postgres::StopMode mode = postgres::StopMode::fast;
  bool checkpoint_first = false;
  /// Whether to stop is asked for once more, right before it.
  bool asks = false;
  bool release = false;
  /// The lease is not renewed meanwhile: it ends while PostgreSQL stops.
  bool lease_ends = false;
  /// It is no primary any more afterwards, for callbacks of a stop after which the key is gone.
  bool demotes = true;
};

/// How long a stop may take before it is made shorter (postgres.md §6); nullopt: as long as it takes.
std::optional<Duration> stop_timeout(const config::Dynamic& dynamic) {
  const bool synchronous =
      dynamic.synchronous_mode != config::Dynamic::SyncMode::off && !dynamic.standby_cluster;
  if (!synchronous || dynamic.primary_stop_timeout <= 0s) return std::nullopt;
  return dynamic.primary_stop_timeout;
}

/// Half of the time that is left goes to the script, the rest to the stop: nobody waits for either when it is
/// over.
Instant end_of_script(OperationRunner& run, const Stop& how, std::optional<Duration> timeout) {
  const Instant patience = run.now() + timeout.value_or(kScriptBudget);
  if (!how.lease_ends) return patience;
  const Duration left = run.host().keeper().deadlines().kill_at - run.now();
  return std::min(patience, run.now() + std::max(Duration::zero(), left / 2));
}

/// The PostgreSQL that is stopped. As soon as it is down an administrator may start another one, in pause
/// say: that one is not this stop's, and its key is not given away.
class Stopped {
 public:
  explicit Stopped(OperationRunner& run) : run_(run), pid_(run.ports().server.facts().postmaster_pid) {}
  bool replaced() const {
    const auto& facts = run_.ports().server.facts();
    return pid_ != 0 && facts.process == postgres::Process::running && facts.postmaster_pid != 0 &&
           facts.postmaster_pid != pid_;
  }
  /// Down, or replaced by then.
  Task<bool> wait_gone(Instant until) const {
    for (;;) {
      const bool down = co_await run_.ports().server.wait_down(std::min(until, run_.now() + kLook));
      if (down || replaced()) co_return true;
      if (run_.now() >= until) co_return false;
    }
  }
  Outcome tell() const {
    auto& host = run_.host();
    host.set_state(postgres::State::running);
    return failed("another PostgreSQL was started meanwhile, as process " +
                  std::to_string(run_.ports().server.facts().postmaster_pid));
  }

 private:
  static constexpr Duration kLook = 200ms;
  OperationRunner& run_;
  int pid_;
};

/// Waits until it is gone; a fast stop that takes longer than `until` becomes an immediate one, and that one
/// ends in SIGKILL after `immediate_patience`.
Task<bool> wait_or_kill(OperationRunner& run, const Stopped& stopped, postgres::StopMode mode, Instant until,
                        Duration immediate_patience) {
  auto& server = run.ports().server;
  bool down = co_await stopped.wait_gone(until);
  if (!down && mode == postgres::StopMode::fast) {
    log::warning("Timeout during postmaster stop, aborting Postgres.");
    server.signal_stop(postgres::StopMode::immediate);
    down = co_await stopped.wait_gone(run.now() + immediate_patience);
  }
  if (!down) {
    log::warning("PostgreSQL does not stop: killing it");
    down = co_await server.kill_everything(run.now() + kKillBudget);
  }
  if (!down) log::error("pg_ctl stop failed");
  co_return down;
}

/// Reading WAL takes a program that is started for it: while others are asked.
Task<void> find_last_lsn(OperationRunner& run, postgres::ControlData control, Lsn& last_lsn) {
  last_lsn = co_await run.ports().server.last_lsn(std::move(control), run.now() + kReleasePatience);
}

Task<void> ask_for_verdict(OperationRunner& run, Lsn checkpoint_lsn, std::function<bool()> pointless,
                           bool& verdict) {
  verdict = co_await run.verdict(checkpoint_lsn, std::move(pointless), run.now() + kReleasePatience);
}

/// replication.md §15
Task<void> leave_sync(OperationRunner& run) {
  const auto settings = run.host().settings();
  if (settings->dynamic.synchronous_mode == config::Dynamic::SyncMode::off ||
      !run.ports().server.facts().accepts())
    co_return;
  const Instant deadline = run.now() + 2 * settings->dynamic.timing.loop_wait;
  run.enter(Phase::leaving_sync, Cancel::free, deadline);
  co_await run.host().leave_sync(deadline);
}

/// Ends with PostgreSQL down, the fence disarmed and, where asked for, the key released.
Task<Outcome> stop(OperationRunner& run, Stop how) {
  auto& server = run.ports().server;
  auto& host = run.host();
  const auto settings = host.settings();
  const bool leader = host.keeper().lease().held(run.now());
  const bool running = server.facts().process == postgres::Process::running;
  const postgres::Role role = host.role();
  const Stopped stopped(run);
  const auto timeout = stop_timeout(settings->dynamic);
  Lsn checkpoint_lsn;
  Lsn last_lsn;
  bool released = false;
  const Duration patience =
      how.mode == postgres::StopMode::immediate ? kImmediatePatience : timeout.value_or(kStopBudget);
  Instant stop_until = run.now() + patience;

  if (!leader && how.mode == postgres::StopMode::fast) {
    co_await leave_sync(run);
  }
  if (server.facts().process != postgres::Process::none) {
    // One that starts, or recovers, makes its own.
    if (how.checkpoint_first && server.facts().accepts()) {
      const Instant until = run.now() + timeout.value_or(kCheckpointBudget);
      run.enter(Phase::checkpointing, Cancel::free, until);
      auto checkpointed = co_await server.checkpoint(until);
      if (!checkpointed) log::warning("{}", checkpointed.error().detail);
    }
    if (how.asks) {
      run.enter(Phase::awaiting_go, Cancel::free, run.now() + kGoPatience);
      auto asking = run.verdict({}, [] { return false; }, run.now() + kGoPatience);
      const bool go = co_await std::move(asking);
      if (!go) co_return failed("nobody could tell whether another member can take over");
    }
    host.set_state(postgres::State::stopping);
    run.enter(Phase::stopping_clients, Cancel::no, stop_until);
    if (how.mode == postgres::StopMode::fast) {
      co_await server.run_before_stop(end_of_script(run, how, timeout));
    }
    if (is_leaderlike(role)) host.writes_ended();
    server.signal_stop(how.mode);
    stop_until = run.now() + patience;
    co_await server.wait_no_clients(stop_until);

    if (how.mode == postgres::StopMode::fast && leader && how.release) {
      run.enter(Phase::waiting_shutdown_checkpoint, Cancel::no, stop_until);
      auto control = co_await server.wait_shutdown_checkpoint(stop_until);
      if (control) {
        checkpoint_lsn = control->latest_checkpoint;
        co_await run.ports().fence.disarm("no process is left that can commit");
        host.set_role(postgres::Role::demoted);
        run.enter(Phase::awaiting_release, Cancel::no, run.now() + kReleasePatience);
        // Once PostgreSQL is down the key is released anyway.
        auto down = [&server, &stopped] {
          return server.facts().process == postgres::Process::none || stopped.replaced();
        };
        bool now = false;
        std::vector<Task<void>> both;
        both.push_back(find_last_lsn(run, *control, last_lsn));
        both.push_back(ask_for_verdict(run, checkpoint_lsn, down, now));
        co_await all(std::move(both));
        if (now && !stopped.replaced()) {
          released = co_await host.release_key(last_lsn);
          if (released) run.note_released();
        }
      }
    }
  }

  // A lease that runs out is the keeper's business: it kills. A stop without a lease to lose may take its
  // time, but a demotion in immediate mode that hangs is killed.
  run.enter(Phase::waiting_down, Cancel::no, stop_until);
  const bool down =
      co_await wait_or_kill(run, stopped, how.mode, stop_until, timeout.value_or(kImmediatePatience));
  if (stopped.replaced()) {
    host.set_role(role);
    co_return stopped.tell();
  }
  if (!down) {
    host.set_state(postgres::State::stop_failed);
    co_return failed("PostgreSQL could not be stopped");
  }
  co_await run.ports().fence.disarm("PostgreSQL is down");
  host.set_state(postgres::State::stopped);
  if (is_leaderlike(host.role())) host.set_role(postgres::Role::demoted);
  // postgres.md §6: a server that did not run was not stopped.
  if (running) host.fire_callback("on_stop", released && how.demotes ? postgres::Role::demoted : role);

  // Who was asked to hand over and finds nobody who has everything goes on leading: so nothing is lost.
  if (how.asks && leader && !released && !settings->dynamic.pause) {
    bool received = false;
    if (checkpoint_lsn) {
      run.enter(Phase::awaiting_release, Cancel::no, run.now() + kReceivedPatience);
      auto asking = run.verdict(checkpoint_lsn, [] { return false; }, run.now() + kReceivedPatience);
      received = co_await std::move(asking);
    }
    if (!received)
      co_return failed("nobody has received all that this member wrote: it keeps the leader key");
  }
  if (stopped.replaced()) co_return stopped.tell();
  if (how.release && leader && !released) {
    run.enter(Phase::releasing, Cancel::no, run.now() + kReleasePatience);
    auto releasing = host.release_key(last_lsn ? std::optional<Lsn>(last_lsn) : std::nullopt);
    released = co_await std::move(releasing);
    if (released) run.note_released();
  }
  host.publish();
  co_return done();
}

}  // namespace

Task<bool> stop_and_wait(OperationRunner& run, postgres::StopMode mode) {
  auto& server = run.ports().server;
  if (server.facts().process == postgres::Process::none) co_return true;
  if (mode == postgres::StopMode::fast && !run.host().keeper().lease().held(run.now())) {
    co_await leave_sync(run);
  }
  const Stopped stopped(run);
  run.enter(Phase::waiting_down, Cancel::no, run.now() + kStopBudget);
  if (mode == postgres::StopMode::fast) {
    co_await server.run_before_stop(run.now() + kScriptBudget);
  }
  server.signal_stop(mode);
  const Duration patience = mode == postgres::StopMode::immediate
                                ? run.host().settings()->dynamic.timing.retry_timeout
                                : kStopBudget;
  const bool gone = co_await wait_or_kill(run, stopped, mode, run.now() + patience, kImmediatePatience);
  co_return gone && !stopped.replaced();
}

Task<Outcome> demote(OperationRunner& run, DemoteMode mode, bool asks) {
  log::info("Demoting self ({})", to_string(mode));
  Stop how;
  const bool immediate = mode == DemoteMode::immediate || mode == DemoteMode::immediate_nolock;
  how.mode = immediate ? postgres::StopMode::immediate : postgres::StopMode::fast;
  how.checkpoint_first = mode == DemoteMode::graceful;
  how.asks = asks;
  how.release = mode == DemoteMode::graceful || mode == DemoteMode::immediate;
  how.lease_ends = mode == DemoteMode::offline;
  auto stopped = co_await stop(run, how);
  if (stopped.ok()) run.host().set_role(postgres::Role::demoted);
  if (stopped.ok() && mode == DemoteMode::demote_cluster) {
    // ha.md §15.8: who follows by the archive alone needs the last of the WAL, too.
    run.enter(Phase::waiting_down, Cancel::free, run.now() + kArchivePatience);
    co_await run.ports().server.read_control(run.now() + kDiskBudget);
    co_await run.ports().server.archive_shutdown_checkpoint(run.now() + kArchivePatience);
  }
  co_return stopped;
}

Task<Outcome> shutdown(OperationRunner& run, bool hurry) {
  Stop how;
  how.mode = hurry ? postgres::StopMode::immediate : postgres::StopMode::fast;
  how.release = true;
  how.demotes = false;
  auto stopped = co_await stop(run, how);
  if (!stopped.ok()) log::error("PostgreSQL shutdown failed, leader key not removed.");
  co_return stopped;
}

}  // namespace tanist::ha::operations
