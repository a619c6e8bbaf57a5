#include <algorithm>

#include "async/wait.h"
#include "core/document.h"
#include "ha/operations/bootstrap_note.h"
#include "ha/operations/operation.h"
#include "ha/operations/steps.h"
#include "log/log.h"

TANIST_LOGGER("patroni.postgresql.bootstrap");

/// A new cluster: initdb or a script by the winner of the race for /initialize, the users, the result in the
/// store.
namespace tanist::ha::operations {
namespace {
using namespace std::chrono_literals;
constexpr Duration kInitdbBudget = 30min;
constexpr Duration kFirstStartBudget = 5min;
/// How often is looked what the attempt has made so far: the first files come at once, a restored backup in
/// its time.
constexpr Duration kNoteEach = 50ms;
constexpr Duration kNoteEachLater = 250ms;
constexpr Duration kNoteEager = 5s;
/// A server that is reached and not let in: no waiting mends that.
constexpr Duration kConnectPatience = 10s;
/// One that runs and says nothing, not even that it recovers.
constexpr Duration kSilencePatience = 5min;

enum class Made { in_part, whole, starting };
/// Notes what is there now, where that changed. Returns why it could not be noted; empty: it was.
Task<std::string> note_made(OperationRunner& run, BootstrapNote* note, Made how) {
  auto& server = run.ports().server;
  const auto made = co_await server.identify(false, run.now() + kDiskBudget);
  if (!made) co_return made.error().detail;
  BootstrapNote next = *note;
  next.made = *made;
  // What the facts know before may be of a directory of earlier.
  if (how != Made::in_part) next.system_id = server.facts().system_identifier;
  next.starting = how == Made::starting;
  if (next == *note) co_return std::string();
  auto written = co_await run.ports().disk.write(run.host().bootstrap_note_path(), to_text(next), 0600,
                                                 run.now() + kDiskBudget);
  if (!written) co_return written.error();
  *note = next;
  co_return std::string();
}

/// While initdb or a script works: a daemon that is killed meanwhile must know the files for its own again.
Task<void> keep_noting(OperationRunner& run, BootstrapNote* note) {
  const Instant begin = run.now();
  for (;;) {
    auto nap = run.ports().clock.sleep_for(run.now() - begin < kNoteEager ? kNoteEach : kNoteEachLater);
    co_await std::move(nap);
    const std::string failed = co_await note_made(run, note, Made::in_part);
    if (!failed.empty()) log::debug("could not note what the bootstrap makes: {}", failed);
  }
}

/// Also of an attempt that is cancelled: what was made since the last look looks whole, and would be
/// nobody's.
Task<void> note_last(OperationRunner& run, BootstrapNote* note) {
  const std::string failed = co_await note_made(run, note, Made::in_part);
  if (!failed.empty()) log::warning("could not note what the bootstrap has made: {}", failed);
}

Task<void> make_into(Task<postgres::Result> making, postgres::Result& made) {
  made = co_await std::move(making);
}

Task<void> forget_attempt(OperationRunner& run) {
  return forget_bootstrap(run.ports(), run.host().bootstrap_note_path(),
                          run.host().settings()->postgresql.data_dir);
}

/// A result whose answer was lost may have come to the store late. In doubt: no.
Task<bool> store_has_result(OperationRunner& run, Instant deadline) {
  const std::string made = run.ports().server.facts().system_identifier;
  if (made.empty()) co_return false;
  const auto view = co_await run.ports().store.load(dcs::Read::linearizable, deadline);
  co_return view && (*view)->initialize.value == made;
}

/// Why the new server is not waited for any longer; empty: it is.
std::string unreachable(OperationRunner& run) {
  const auto& facts = run.ports().server.facts();
  if (!facts.running() || facts.probe || !facts.failing_since || facts.refuses()) return {};
  const Duration patience = facts.accepts() ? kConnectPatience : kSilencePatience;
  if (run.now() - *facts.failing_since < patience) return {};
  return "the new PostgreSQL runs, but cannot be connected to: " + facts.failing_why;
}

/// Recovery of a restored backup takes what it takes; a server that cannot be asked is not waited for.
Task<std::string> end_of_recovery(OperationRunner& run) {
  auto& server = run.ports().server;
  while (true) {
    const bool primary = co_await server.wait_promoted(run.now() + kConnectPatience);
    if (primary) co_return std::string();
    if (!server.facts().running()) co_return "PostgreSQL ended before the end of recovery";
    const std::string why = unreachable(run);
    if (!why.empty()) co_return why;
  }
}

/// The first start; ends when the server is a primary that accepts connections. Returns why it is not, empty:
/// it is.
Task<std::string> start_first(OperationRunner& run, BootstrapNote* note, bool custom) {
  auto& server = run.ports().server;
  // Recovery of a restored backup takes what it takes.
  const Instant deadline = run.now() + (custom ? kForever : kFirstStartBudget);
  run.host().set_state(custom ? postgres::State::bootstrap_starting : postgres::State::starting);
  run.enter(Phase::starting, Cancel::free, deadline);
  postgres::StartRequest request;
  request.as_standby = false;
  request.role = postgres::Role::primary;
  request.custom_bootstrap = custom;
  // Before the process is there nobody knows which it will be.
  const std::string start_not_noted = co_await note_made(run, note, Made::starting);
  if (!start_not_noted.empty()) co_return "could not note the start of the new cluster: " + start_not_noted;
  auto launched = co_await server.start(std::move(request), run.now() + kFirstStartBudget);
  if (!launched) co_return launched.error().detail;
  const std::string not_noted = co_await note_made(run, note, Made::whole);
  if (!not_noted.empty()) co_return "could not note the server of the bootstrap: " + not_noted;
  if (custom) {
    run.enter(Phase::ending_recovery, Cancel::free, deadline);
    run.host().wake();
  }
  std::string why;
  auto started = postgres::StartOutcome::timed_out;
  while (started == postgres::StartOutcome::timed_out && run.now() < deadline && why.empty()) {
    started = co_await server.wait_started(std::min(deadline, run.now() + kConnectPatience));
    why = unreachable(run);
  }
  if (started != postgres::StartOutcome::accepting) {
    run.host().set_state(postgres::State::start_failed);
    co_return why.empty() ? "the new PostgreSQL did not start" : why;
  }
  run.host().set_state(postgres::State::running);
  run.host().publish();
  if (!custom) co_return std::string();
  co_return co_await end_of_recovery(run);
}

/// Settings that only a restart brings; nobody knows this server yet.
Task<std::string> restart_new_server(OperationRunner& run, BootstrapNote* note) {
  auto& server = run.ports().server;
  const Instant deadline = run.now() + kFirstStartBudget;
  run.enter(Phase::starting, Cancel::free, deadline);
  server.signal_stop(postgres::StopMode::fast);
  const bool down = co_await server.wait_down(deadline);
  if (!down) co_return "PostgreSQL could not be stopped for a restart with its ordinary settings";
  co_return co_await start_first(run, note, false);
}

}  // namespace

Task<Outcome> bootstrap(OperationRunner& run) {
  auto& server = run.ports().server;
  const auto settings = run.host().settings();
  const bool custom = settings->bootstrap.custom.has_value();
  run.enter(Phase::preparing, Cancel::critical, run.now() + kDiskBudget);
  // Before anything is created: what this attempt makes may be renamed after a crash, nothing else may. A
  // script may want to make the directory itself.
  BootstrapNote note;
  note.data_dir = settings->postgresql.data_dir;
  note.name = settings->name;
  note.begun = unix_seconds(run.ports().clock.wall_now());
  auto found = co_await server.identify(!custom, run.now() + kDiskBudget);
  if (!found) co_return failed("could not note the bootstrap attempt: " + found.error().detail);
  note.made = std::move(*found);
  auto written = co_await run.ports().disk.write(run.host().bootstrap_note_path(), to_text(note), 0600,
                                                 run.now() + kDiskBudget);
  if (!written) co_return failed("could not note the bootstrap attempt: " + written.error());

  const Instant made_by = run.now() + (custom ? kForever : kInitdbBudget);
  run.host().set_state(custom ? postgres::State::custom_bootstrap : postgres::State::initdb);
  run.enter(custom ? Phase::custom_bootstrap : Phase::initdb, Cancel::free, made_by);
  // It may take hours: the member key tells at once.
  run.host().wake();
  postgres::Result made = std::unexpected(postgres::Failure{"nothing was made"});
  auto making = custom ? server.custom_bootstrap(made_by) : server.initdb(made_by);
  auto working = race(make_into(std::move(making), made), keep_noting(run, &note));
  co_await with_cleanup(std::move(working), note_last(run, &note));
  if (!made) {
    run.host().set_state(custom ? postgres::State::custom_bootstrap_failed : postgres::State::initdb_failed);
    co_return failed(made.error().detail);
  }

  const std::string not_started = co_await start_first(run, &note, custom);
  if (!not_started.empty()) co_return failed(not_started);

  run.enter(Phase::creating_users, Cancel::free, run.now() + kForever);
  auto created = co_await server.post_bootstrap(run.now() + kForever);
  if (!created) co_return failed(created.error().detail);
  if (!custom) co_return done();

  auto restart_needed = co_await server.end_custom_bootstrap(run.now() + kInitdbBudget);
  if (!restart_needed) co_return failed(restart_needed.error().detail);
  if (!*restart_needed) co_return done();
  const std::string not_restarted = co_await restart_new_server(run, &note);
  co_return not_restarted.empty() ? done() : failed(not_restarted);
}

Task<Outcome> bootstrap_standby_leader(OperationRunner& run, std::optional<postgres::Upstream> source) {
  auto& host = run.host();
  host.set_state(postgres::State::creating_replica);
  // A copy that is not whole knows itself: no note tells of it. The other cluster has all that it holds.
  run.enter(Phase::cloning, Cancel::free, run.now() + kForever);
  (void)co_await host.forget_branch();
  host.wake();
  auto progress = [&host](postgres::Progress p) { host.set_progress(p); };
  postgres::ReplicaRequest request{
      .source = std::move(source), .basebackup_only = false, .why_removal_allowed = {}};
  auto cloned =
      co_await run.ports().server.create_replica(std::move(request), progress, run.now() + kForever);
  host.set_progress(std::nullopt);
  host.set_state(postgres::State::stopped);
  if (!cloned) {
    log::error("failed to bootstrap (clone from remote member)");
    co_return failed(cloned.error().detail);
  }
  log::info("bootstrapped (clone from remote member)");
  co_return done();
}

Task<Outcome> finish_bootstrap(OperationRunner& run, bool standby_leader) {
  auto& ports = run.ports();
  const auto settings = run.host().settings();
  const Duration budget = settings->dynamic.timing.retry_timeout;
  run.enter(Phase::storing_result, Cancel::critical, run.now() + budget);
  co_await ports.server.read_control(run.now() + budget);
  if (!standby_leader) {
    const bool armed = co_await ports.fence.arm(run.now() + budget);
    if (!armed) {
      log::error("Cancelling bootstrap because watchdog activation failed");
      co_return failed("watchdog activation failed");
    }
  }
  dcs::BootstrapResult result;
  result.system_id = ports.server.facts().system_identifier;
  result.config = settings->dynamic.raw;
  const Instant deadline = run.now() + 2 * settings->dynamic.timing.ttl;
  // An attempt whose answer is lost may have made this member the leader: nothing else knows of that lease,
  // so it is ended here as if the first attempt had proven it, and by the guardian where this daemon cannot.
  ports.fence.about_to_ask();
  const Instant asked_at = run.now();
  const Instant kill_at = lease_deadlines(lease_from(asked_at, ports.store.lease_length())).kill_at;
  if (!standby_leader) ports.fence.prolong(kill_at, asked_at);
  bool maybe_leader = false;
  while (run.now() < deadline) {
    if (maybe_leader && run.now() >= kill_at) {
      log::error("the bootstrap may have taken the leader key, and nothing proves it: killing PostgreSQL");
      co_await ports.server.kill_everything(run.now() + budget);
      co_return failed("whether the store took the result of the bootstrap is unknown");
    }
    // No wait goes past the moment of the kill.
    const auto patience = [&] {
      return run.now() < kill_at ? std::min(run.now() + budget, kill_at) : run.now() + budget;
    };
    auto answer = co_await ports.store.finish_bootstrap(result, patience());
    maybe_leader = maybe_leader || answer.outcome == dcs::Outcome::unknown;
    if (answer.outcome == dcs::Outcome::done) {
      run.host().keeper().won(answer.proof);
      break;
    }
    if (answer.outcome == dcs::Outcome::refused)
      co_return failed("the result of the bootstrap was refused: " + answer.detail);
    log::warning("could not store the result of the bootstrap: {}", answer.detail);
    if (answer.outcome == dcs::Outcome::unknown) {
      // Done, if the key is mine: a fresh read tells.
      auto view = co_await ports.store.load(dcs::Read::linearizable, patience());
      if (view && (*view)->leader_name() == settings->name && ports.store.is_mine((*view)->leader->claim)) {
        const auto proven = co_await with_deadline(ports.clock, run.host().keeper().prove(), patience());
        if (proven.value_or(false)) break;
      }
    }
    const Instant again = run.now() + 500ms;
    auto pause = ports.clock.sleep_until(maybe_leader ? std::min(again, kill_at) : again);
    co_await std::move(pause);
  }
  if (!run.host().keeper().lease().held(run.now()))
    co_return failed("the store did not take the result of the bootstrap");
  // The next decision starts it, as the standby leader.
  if (standby_leader) co_return done();
  run.host().set_role(postgres::Role::primary);
  run.host().publish();
  co_await forget_attempt(run);
  run.host().fire_callback("on_start", postgres::Role::primary);
  co_return done();
}

Task<Outcome> cancel_bootstrap(OperationRunner& run) {
  auto& ports = run.ports();
  const Duration budget = run.host().settings()->dynamic.timing.retry_timeout;
  run.enter(Phase::waiting_down, Cancel::critical, run.now() + budget);
  ports.server.signal_stop(postgres::StopMode::immediate);
  bool down = co_await ports.server.wait_down(run.now() + budget);
  if (!down) {
    down = co_await ports.server.kill_everything(run.now() + budget);
  }
  run.host().set_state(postgres::State::stopped);
  run.enter(Phase::removing, Cancel::critical, run.now() + budget);
  // Before the data goes: from here on no result that is still on its way can make a cluster of it.
  auto cancelled = co_await ports.store.cancel_bootstrap(run.now() + budget);
  if (!cancelled.done()) log::warning("could not remove the initialize key: {}", cancelled.detail);
  const bool kept = !cancelled.done() && co_await store_has_result(run, run.now() + budget);
  if (kept) {
    log::warning("the store has the result of the bootstrap by now: data directory \"{}\" is kept",
                 run.host().settings()->postgresql.data_dir);
    co_await forget_attempt(run);
    co_await ports.fence.disarm("bootstrap ended");
    co_return done();
  }
  auto renamed = co_await ports.server.rename_data_directory(run.now() + budget);
  if (!renamed) log::error("{}", renamed.error().detail);
  if (renamed) {
    co_await forget_attempt(run);
  }
  co_await ports.fence.disarm("bootstrap cancelled");
  co_return renamed ? done() : failed(renamed.error().detail);
}

}  // namespace tanist::ha::operations
