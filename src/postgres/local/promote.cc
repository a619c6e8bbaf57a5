#include "postgres/local/promote.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "log/log.h"
#include "postgres/files/data_directory.h"
#include "postgres/local/context.h"
#include "postgres/local/directory.h"
#include "postgres/local/monitor.h"
#include "postgres/local/postmaster.h"
#include "postgres/local/work_connection.h"

TANIST_LOGGER("patroni.postgresql");

namespace tanist::postgres {

using namespace std::chrono_literals;

namespace {
/// How often the end of a promotion is looked for: closely while it may come any moment; a restored backup
/// may take hours.
constexpr Duration kLookClosely = 5ms;
constexpr Duration kCloselyFor = 10s;
constexpr Duration kLookLessClosely = 20ms;
/// The startup process misses a request that comes in the very moment in which it notices the end of its WAL
/// receiver (it resets its latch after that), and sleeps for wal_retrieve_retry_interval: 5 s of a failover.
/// As long as the trigger is there the postmaster wakes it again when it is asked to; else a signal does
/// nothing.
constexpr Duration kSignalAgain = 100ms;
constexpr Duration kWithdrawBudget = 30s;
constexpr Duration kWithdrawAgain = 1s;
}  // namespace

Promotion::Promotion(Context& context, Directory& directory, Postmaster& postmaster, Monitor& monitor,
                     WorkConnection& work)
    : context_(context), directory_(directory), postmaster_(postmaster), monitor_(monitor), work_(work) {}

void Promotion::withdraw() {
  context_.spawn("withdrawn promotion", remove_trigger(asked_));
}

/// The disk does one thing after the other: what may still create the trigger comes first.
Task<void> Promotion::remove_trigger(std::uint64_t given_up) {
  const std::string path = promote_trigger(context_.pg().data_dir);
  // Another one wants the file to stay, and comes after a removal that is queued.
  while (given_up == asked_) {
    auto removed = co_await context_.disk.remove(path, context_.clock.now() + kWithdrawBudget);
    if (removed) co_return;
    log::warning("{}: PostgreSQL may promote itself", removed.error());
    co_await context_.clock.sleep_for(kWithdrawAgain);
  }
}

Task<Result> Promotion::promote(Instant deadline) {
  const auto refused = [](const std::string& why) {
    return std::unexpected(Failure{"could not promote: " + why});
  };
  if (!postmaster_.running()) co_return refused("PostgreSQL does not run");
  if (context_.facts.probe && !context_.facts.probe->in_recovery) co_return Result();
  ++asked_;
  const std::string path = promote_trigger(context_.pg().data_dir);
  const unsigned mode = directory_.file_mode(path);
  auto creating = context_.on_disk(
      "create " + path,
      [path, mode]() -> std::expected<void, std::string> {
        const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, mode);
        if (fd < 0)
          return std::unexpected(fmt::format("could not create \"{}\": {}", path, std::strerror(errno)));
        ::close(fd);
        return {};
      },
      deadline);
  Result created;
  try {
    created = co_await std::move(creating);
  } catch (...) {
    withdraw();
    throw;
  }
  if (!created) {
    withdraw();
    co_return refused(created.error().detail);
  }
  if (!postmaster_.signal(SIGUSR1)) {
    withdraw();
    co_return refused("PostgreSQL does not run");
  }
  co_return Result();
}

Task<bool> Promotion::wait_promoted(Instant deadline) {
  auto looking = look_for_end(deadline);
  try {
    co_return co_await std::move(looking);
  } catch (...) {
    withdraw();
    throw;
  }
}

Task<bool> Promotion::look_for_end(Instant deadline) {
  const Instant calm_from = context_.clock.now() + kCloselyFor;
  Instant signal_at = context_.clock.now() + kSignalAgain;
  while (context_.facts.running() && context_.clock.now() < deadline) {
    auto asking = work_.query("SELECT pg_is_in_recovery()", {}, deadline);
    auto rows = co_await std::move(asking);
    if (rows && rows->size() == 1 && rows->front()[0] == "f") {
      // Facts and answer agree before this is told. The recovery section of the files stays until the next
      // start: most of it cannot go without one, and PostgreSQL would complain at every reload.
      co_await monitor_.refresh(Duration::zero(), deadline);
      co_return context_.facts.probe && !context_.facts.probe->in_recovery;
    }
    if (const Instant now = context_.clock.now(); now >= signal_at && now < calm_from) {
      postmaster_.signal(SIGUSR1);
      signal_at = now + kSignalAgain;
    }
    const Duration step = context_.clock.now() < calm_from ? kLookClosely : kLookLessClosely;
    co_await context_.clock.sleep_until(std::min(context_.clock.now() + step, deadline));
  }
  co_return false;
}

}  // namespace tanist::postgres
