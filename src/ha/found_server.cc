#include <algorithm>

#include "core/document.h"
#include "core/log.h"
#include "core/wait.h"
#include "ha/engine_impl.h"

TANIST_LOGGER("patroni.ha");

/// A PostgreSQL that an earlier incarnation of the daemon left running, before the store was reached: as a
/// primary it has nobody who renews its lease. How long the store may take is what the earlier incarnation
/// has noted.
namespace tanist::ha {
namespace {

using namespace std::chrono_literals;

/// How long a fast stop may take before it becomes a SIGKILL at the end of the daemon; the lease is over by
/// then.
constexpr Duration kStopBudget = 20s;
/// The store gets this long in any case, and where nothing was noted.
constexpr Duration kGrace = 1s;
constexpr const char* kBootId = "/proc/sys/kernel/random/boot_id";

}  // namespace

/// Written at each proof of a member that leads, beside the cycle: an older note only makes the end earlier.
Task<void> Engine::Impl::record_lease() {
  while (lease_recorded_ != keeper_.lease().until && keeper_.lease().until != Instant{}) {
    const Instant until = keeper_.lease().until;
    const Document record = Document::map(
        {{"boot", boot_id_}, {"until", static_cast<std::int64_t>(until.time_since_epoch().count())}});
    auto writing = ports_.disk.write(lease_path(), to_json(record), 0600, now() + kDiskBudget);
    auto written = co_await std::move(writing);
    if (!written) {
      log::debug("could not note the end of the lease: {}", written.error());
      break;
    }
    lease_recorded_ = until;
  }
  recording_lease_ = false;
}

void Engine::Impl::lease_proven() {
  if (recording_lease_ || scope_.closed()) return;
  recording_lease_ = true;
  scope_.spawn("note of the lease", record_lease());
}

Task<postgres::Result> Engine::Impl::open_server() {
  if (server_open_) co_return postgres::Result();
  auto opening = ports_.server.open(settings_);
  auto opened = co_await std::move(opening);
  server_open_ = opened.has_value();
  co_return opened;
}

Task<bool> Engine::Impl::was_paused() {
  auto caching = read_small(dynamic_cache_path());
  const std::string cached = co_await std::move(caching);
  const auto dynamic = parse_json(cached);
  co_return dynamic && dynamic->find("pause") && dynamic->find("pause")->truthy();
}

Task<bool> Engine::Impl::end_found_server(Instant kill_at) {
  ports_.server.signal_stop(postgres::StopMode::fast);
  auto waiting = ports_.server.wait_down(kill_at);
  const bool down = co_await std::move(waiting);
  if (down) co_return true;
  auto killing = ports_.server.kill_everything(now() + kStopBudget);
  co_return co_await std::move(killing);
}

/// A SIGTERM while the store is not there yet. Nothing was begun, but PostgreSQL is stopped all the same.
Task<void> Engine::Impl::stop_found_server() {
  auto asking = was_paused();
  const bool paused = co_await std::move(asking);
  if (paused) {
    log::info("Leader key is not deleted and Postgresql is not stopped due paused state");
    co_return;
  }
  auto opening = open_server();
  auto opened = co_await std::move(opening);
  if (!opened) {
    log::error("{}", opened.error().detail);
    co_return;
  }
  if (ports_.server.facts().process == postgres::Process::none) co_return;
  log::info("shutdown before the start was complete: stopping PostgreSQL");
  auto ending = end_found_server(now() + kStopBudget);
  const bool ended = co_await std::move(ending);
  if (!ended) exit_code_ = 1;
}

/// What is being killed is dead afterwards.
Task<void> Engine::Impl::unwatch_found_server() {
  found_watch_.cancel();
  auto joining = found_watch_.join();
  co_await std::move(joining);
}

Task<void> Engine::Impl::watch_found_server() {
  auto reading_boot = read_small(kBootId);
  boot_id_ = co_await std::move(reading_boot);
  auto reading = read_small(lease_path());
  const std::string noted = co_await std::move(reading);
  Lease lease;
  if (const auto record = parse_json(noted); record && record->find("until") &&
                                             record->find("until")->is_int() && record->find("boot") &&
                                             record->find("boot")->text() == boot_id_)
    lease.until = Instant(Duration(record->find("until")->as_int()));
  const LeaseDeadlines at = lease_deadlines(lease, timing());
  auto pause = ports_.clock.sleep_until(std::max(now() + kGrace, at.stop_at));
  co_await std::move(pause);

  // From here on it is carried through, whatever the store says: half-opened it would be of no use to the
  // start.
  auto shield = shield_from_cancellation();
  co_await std::move(shield);
  auto asking = was_paused();
  const bool paused = co_await std::move(asking);
  if (paused) co_return;
  auto opening = open_server();
  auto opened = co_await std::move(opening);
  if (!opened) {
    log::error("{}", opened.error().detail);
    co_return;
  }
  const auto& facts = ports_.server.facts();
  if (facts.process == postgres::Process::none || facts.standby_signal) co_return;
  log::error("the store is not reached and the lease of the running PostgreSQL ends: stopping it");
  auto ending = end_found_server(std::max(now() + kGrace, at.kill_at));
  co_await std::move(ending);
}

}  // namespace tanist::ha
