#include <algorithm>

#include "async/wait.h"
#include "config/modes.h"
#include "core/document.h"
#include "ha/engine/impl.h"
#include "json/parse.h"
#include "log/log.h"

TANIST_LOGGER("patroni.ha");

/// From the first moment of the daemon to its last, whatever may commit has a deadline. Here is the first: a
/// PostgreSQL that an earlier daemon left running is found and watched before anything else, until its lease
/// is proven. And the last: none that may commit is left behind. And a promotion, which outlives who began
/// it.
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
constexpr const char* kBootId = "/proc/sys/kernel/random/boot_id";

/// Of a server whose lease was noted; without one (or with one that is over) the grace alone counts.
LeaseDeadlines deadlines_of_found(const Lease& noted, Instant now) {
  LeaseDeadlines at = lease_deadlines(noted);
  at.stop_at = std::max(at.stop_at, now + kGrace);
  at.kill_at = std::max(at.kill_at, at.stop_at + kGrace);
  at.until = std::max(at.until, at.kill_at + kBetweenKillAndEnd);
  return at;
}

Lease noted_lease(const std::string& text, const std::string& boot_id) {
  const auto record = parse_json(text);
  if (!record) return {};
  const Document* until = record->find("until");
  const Document* length = record->find("length");
  const Document* boot = record->find("boot");
  if (!until || !until->is_int() || !boot || boot->text() != boot_id) return {};
  Lease lease{.until = Instant(Duration(until->as_int()))};
  if (length && length->is_int()) lease.proven_at = lease.until - Duration(length->as_int());
  return lease;
}

}  // namespace

/// Written at each proof of a member that leads, beside the cycle: an older note only makes the end earlier.
Task<void> Engine::Impl::record_lease() {
  while (lease_recorded_ != keeper_.lease().until && keeper_.lease().until != Instant{}) {
    const Lease lease = keeper_.lease();
    const Document record =
        Document::map({{"boot", boot_id_},
                       {"until", static_cast<std::int64_t>(lease.until.time_since_epoch().count())},
                       {"length", static_cast<std::int64_t>(lease.length().count())}});
    auto written = co_await ports_.disk.write(lease_path(), to_json(record), 0600, now() + kDiskBudget);
    if (!written) {
      log::debug("could not note the end of the lease: {}", written.error());
      break;
    }
    lease_recorded_ = lease.until;
  }
  recording_lease_ = false;
}

void Engine::Impl::lease_proven() {
  if (recording_lease_ || scope_.closed()) return;
  recording_lease_ = true;
  scope_.spawn("note of the lease", record_lease());
}

/// The alarm is set before anything is read: a disk that hangs must not keep what runs from being stopped.
Task<void> Engine::Impl::guard_from_the_start() {
  keeper_.start(timing());
  keeper_.guard_found(deadlines_of_found({}, now()));
  co_await find_server();
  if (!server_found_) scope_.spawn("found PostgreSQL", find_server_again());
  scope_.spawn("another store", accept_another_store());
  boot_id_ = co_await read_small(kBootId);
  const std::string noted = co_await read_small(lease_path());
  keeper_.guard_found(deadlines_of_found(noted_lease(noted, boot_id_), now()));
  co_await take_promotion_note();
  cached_dynamic_ = co_await read_small(dynamic_cache_path());
  const auto dynamic = parse_json(cached_dynamic_);
  keeper_.set_paused(dynamic && config::modes_of(*dynamic).pause);
}

Task<void> Engine::Impl::find_server() {
  auto found = co_await ports_.server.find(settings_);
  // A look that hung until the start was over says nothing any more.
  if (!found || server_found_) co_return;
  server_found_ = true;
  const auto& facts = ports_.server.facts();
  if (facts.process == postgres::Process::none) co_return;
  found_running_ = true;
  role_ = facts.standby_signal ? postgres::Role::replica : postgres::Role::primary;
}

Task<void> Engine::Impl::find_server_again() {
  while (!server_found_) {
    co_await ports_.clock.sleep_for(kFindAgain);
    if (server_found_) co_return;
    co_await find_server();
  }
}

/// Whoever moves the members to another store stops their PostgreSQL first. The known one gets a while to
/// answer.
Task<void> Engine::Impl::accept_another_store() {
  while (!cluster_) {
    co_await ports_.clock.sleep_for(kGrace);
    // What ran at the start belongs to the known store, also once it was stopped.
    if (cluster_ || found_running_) co_return;
    if (!server_found_ || ports_.server.facts().process != postgres::Process::none) continue;
    ports_.store.take_any_store();
    co_return;
  }
}

/// Once the store has told whose the leader key is: mine is proven right away, and the rest of the start may
/// take its time. A primary under the key of another is stopped at once; without any key anybody may lead
/// soon.
Task<void> Engine::Impl::claim_lease_of_found(dcs::ClusterPtr cluster) {
  if (!may_write() || keeper_.paused()) co_return;
  switch (lock_of(*cluster)) {
    case Lock::mine: {
      keeper_.mandate({Mandate::Kind::keep, now() + timing().ttl}, std::nullopt);
      co_await keeper_.prove();
      break;
    }
    case Lock::free: keeper_.guard_found(deadlines_of_found({}, now())); break;
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

/// It looks like a standby for as long as it goes on, and nothing takes it back.
bool Engine::Impl::promoting() const {
  const auto& facts = ports_.server.facts();
  if (!promoting_pid_ || facts.process == postgres::Process::none) return false;
  if (facts.process == postgres::Process::orphans) return true;
  return facts.postmaster_pid == *promoting_pid_ && !(facts.probe && !facts.probe->in_recovery);
}

/// A note that cannot be written keeps nobody from leading: it is needed only if this daemon dies before the
/// promotion is over and the next one does not reach the store.
Task<void> Engine::Impl::begin_promotion() {
  promoting_pid_ = ports_.server.facts().postmaster_pid;
  promotion_noted_ = true;
  const Document note = Document::map({{"boot", boot_id_}, {"postmaster", *promoting_pid_}});
  auto written =
      co_await ports_.disk.append(promotion_note_path(), to_json(note) + "\n", 0600, now() + kDiskBudget);
  if (!written) log::warning("could not note the promotion: {}", written.error());
}

Task<void> Engine::Impl::remove_promotion_note() {
  auto removed = co_await ports_.disk.remove(promotion_note_path(), now() + kDiskBudget);
  if (!removed) log::debug("could not remove the note of a promotion that is over: {}", removed.error());
}

void Engine::Impl::forget_promotion() {
  promoting_pid_.reset();
  if (std::exchange(promotion_noted_, false) && !scope_.closed())
    scope_.spawn("note of the promotion", remove_promotion_note());
}

/// The server is a primary now, or another one, or none.
void Engine::Impl::settle_promotion() {
  if ((promoting_pid_ || promotion_noted_) && server_found_ && !promoting() && !operations_.busy())
    forget_promotion();
}

/// The note of an earlier daemon counts for the postmaster that it named.
Task<void> Engine::Impl::take_promotion_note() {
  std::string text = co_await read_small(promotion_note_path());
  while (text.ends_with('\n')) text.pop_back();
  if (text.empty()) co_return;
  promotion_noted_ = true;
  const auto note = parse_json(text.substr(text.rfind('\n') + 1));
  const Document* boot = note ? note->find("boot") : nullptr;
  const Document* postmaster = note ? note->find("postmaster") : nullptr;
  if (!boot || boot->text() != boot_id_ || !postmaster || !postmaster->is_int()) co_return;
  promoting_pid_ = static_cast<int>(postmaster->as_int());
  if (promoting())
    log::warning("PostgreSQL was told to promote itself by an earlier daemon: it counts as a primary");
}

}  // namespace tanist::ha
