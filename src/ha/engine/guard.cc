#include <algorithm>

#include "ha/engine/impl.h"
#include "log/log.h"

TANIST_LOGGER("patroni.ha");

/// From the first moment of the daemon to its last, whatever may commit has a deadline. Here is the first: a
/// PostgreSQL that an earlier daemon left running is found and watched before anything else, until its lease
/// is proven. And the last: none that may commit is left behind.
namespace tanist::ha {
namespace {

using namespace std::chrono_literals;

/// How long a fast stop may take before it becomes a SIGKILL where no lease says so.
constexpr Duration kStopBudget = 20s;
/// What was found gets this long in any case, and where nothing was noted: to stop, and then again to be
/// killed.
constexpr Duration kGrace = 1s;
constexpr Duration kBetweenKillAndEnd = 200ms;
constexpr Duration kFindAgain = 500ms;

/// Of a server whose lease was noted; without one (or with one that is over) the grace alone counts.
LeaseDeadlines deadlines_of_found(const Lease& noted, Instant now) {
  LeaseDeadlines at = lease_deadlines(noted);
  at.stop_at = std::max(at.stop_at, now + kGrace);
  at.kill_at = std::max(at.kill_at, at.stop_at + kGrace);
  at.until = std::max(at.until, at.kill_at + kBetweenKillAndEnd);
  return at;
}

}  // namespace

/// The alarm is set before anything is read: a disk that hangs must not keep what runs from being stopped.
Task<void> Engine::Impl::guard_from_the_start() {
  const Instant begun = now();
  keeper_.start(timing());
  keeper_.guard_found(deadlines_of_found({}, begun));
  co_await find_server();
  if (!found_.looked) scope_.spawn("found PostgreSQL", find_server_again());
  scope_.spawn("another store", accept_another_store());
  co_await notes_.read_boot_id();
  const Lease noted = co_await notes_.read_lease();
  // A lease that is over gives it no more time than it had, however long that took to read.
  keeper_.guard_found(deadlines_of_found(noted, begun));
  co_await promotion_.read_note();
  co_await settings_.read_kept();
  co_await promises_.read();
}

Task<void> Engine::Impl::find_server() {
  auto found = co_await ports_.server.find(settings_.get());
  // A look that hung until the start was over says nothing any more.
  if (!found || found_.looked) co_return;
  found_.looked = true;
  const auto& facts = ports_.server.facts();
  if (facts.process == postgres::Process::none) co_return;
  found_.running = true;
  words_.role = facts.standby_signal ? postgres::Role::replica : postgres::Role::primary;
  promotion_.found();
}

Task<void> Engine::Impl::find_server_again() {
  while (!found_.looked) {
    co_await ports_.clock.sleep_for(kFindAgain);
    if (found_.looked) co_return;
    co_await find_server();
  }
}

/// Whoever moves the members to another store stops their PostgreSQL first. The known one gets a while to
/// answer.
Task<void> Engine::Impl::accept_another_store() {
  while (!store_.cluster()) {
    co_await ports_.clock.sleep_for(kGrace);
    // What ran at the start belongs to the known store, also once it was stopped.
    if (store_.cluster() || found_.running) co_return;
    if (!found_.looked || ports_.server.facts().process != postgres::Process::none) continue;
    ports_.store.take_any_store();
    co_return;
  }
}

/// Once the store has told whose the leader key is: mine is proven right away, and the rest of the start may
/// take its time. A primary under the key of another is stopped at once; without any key anybody may lead
/// soon.
Task<void> Engine::Impl::claim_lease_of_found(dcs::ClusterPtr cluster) {
  if (!may_write() || keeper_.paused()) co_return;
  switch (store_.lock_of(*cluster)) {
    case Lock::mine: {
      keeper_.mandate({Mandate::Kind::keep, now() + timing().ttl}, std::nullopt);
      co_await keeper_.prove();
      break;
    }
    case Lock::free: keeper_.hurry_found(deadlines_of_found({}, now())); break;
    case Lock::others:
    case Lock::foreign_session:
      keeper_.lost("it names " + cluster->leader_name() +
                       (cluster->leader_name() == settings_->name ? " under the session of another" : ""),
                   false);
      break;
  }
}

Task<bool> Engine::Impl::end_server(Instant kill_at) {
  ports_.server.signal_stop(postgres::StopMode::fast);
  const bool down = co_await ports_.server.wait_down(kill_at);
  if (down) co_return true;
  co_return co_await ports_.server.kill_everything(now() + kStopBudget);
}

/// A SIGTERM while the store is not there yet. Nothing was begun, but PostgreSQL is stopped all the same.
Task<void> Engine::Impl::stop_server_before_the_start() {
  if (keeper_.paused()) {
    log::info("Leader key is not deleted and Postgresql is not stopped due paused state");
    co_return;
  }
  if (ports_.server.facts().process == postgres::Process::none) co_return;
  log::info("shutdown before the start was complete: stopping PostgreSQL");
  const Instant patience = now() + kStopBudget;
  auto ending = end_server(may_write() ? std::min(patience, keeper_.kill_at().value_or(patience)) : patience);
  const bool ended = co_await std::move(ending);
  if (!ended) exit_code_ = 1;
}

/// Whatever ends the daemon: once it is gone nobody watches the lease.
Task<void> Engine::Impl::end_what_may_write() {
  if (keeper_.paused() || !may_write()) co_return;
  log::warning("the daemon ends: stopping PostgreSQL, which nobody would stop at the end of its lease");
  const Instant patience = now() + kStopBudget;
  const bool ended = co_await end_server(std::min(patience, keeper_.kill_at().value_or(patience)));
  if (!ended) log::critical("PostgreSQL could not be stopped before the end of the daemon");
}

}  // namespace tanist::ha
