#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "log/log.h"
#include "postgres/local/local_server.h"

TANIST_LOGGER("patroni.postgresql");

namespace tanist::postgres {

using namespace std::chrono_literals;

namespace {
/// How often the end of a promotion is looked for: closely while it may come any moment; a restored backup
/// may take hours.
constexpr Duration kLookClosely = 5ms;
constexpr Duration kCloselyFor = 10s;
constexpr Duration kLookLessClosely = 20ms;
constexpr Duration kWithdrawBudget = 30s;
constexpr Duration kWithdrawAgain = 1s;
}  // namespace

void LocalServer::withdraw_promotion() {
  context_.spawn("withdrawn promotion", remove_promote_trigger(promotions_));
}

/// The disk does one thing after the other: what may still create the trigger comes first.
Task<void> LocalServer::remove_promote_trigger(std::uint64_t given_up) {
  const std::string path = promote_trigger(context_.pg().data_dir);
  // Another one wants the file to stay, and comes after a removal that is queued.
  while (given_up == promotions_) {
    auto removed = co_await context_.disk.remove(path, clock_.now() + kWithdrawBudget);
    if (removed) co_return;
    log::warning("{}: PostgreSQL may promote itself", removed.error());
    co_await clock_.sleep_for(kWithdrawAgain);
  }
}

/// The same as pg_ctl promote: a file, and a signal that makes PostgreSQL look for it.
Task<Result> LocalServer::promote(Instant deadline) {
  const auto refused = [](const std::string& why) {
    return std::unexpected(Failure{"could not promote: " + why});
  };
  if (!postmaster_.running()) co_return refused("PostgreSQL does not run");
  if (facts_.probe && !facts_.probe->in_recovery) co_return Result();
  ++promotions_;
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
    withdraw_promotion();
    throw;
  }
  if (!created) {
    withdraw_promotion();
    co_return refused(created.error().detail);
  }
  if (!postmaster_.signal(SIGUSR1)) {
    withdraw_promotion();
    co_return refused("PostgreSQL does not run");
  }
  co_return Result();
}

Task<bool> LocalServer::wait_promoted(Instant deadline) {
  auto looking = look_for_promotion(deadline);
  try {
    co_return co_await std::move(looking);
  } catch (...) {
    withdraw_promotion();
    throw;
  }
}

Task<bool> LocalServer::look_for_promotion(Instant deadline) {
  const Instant calm_from = clock_.now() + kCloselyFor;
  while (facts_.running() && clock_.now() < deadline) {
    auto asking = work_.query("SELECT pg_is_in_recovery()", {}, deadline);
    auto rows = co_await std::move(asking);
    if (rows && rows->size() == 1 && rows->front()[0] == "f") {
      // Facts and answer agree before this is told. The recovery section of the files stays until the next
      // start: most of it cannot go without one, and PostgreSQL would complain at every reload.
      co_await refresh(Duration::zero(), deadline);
      co_return facts_.probe && !facts_.probe->in_recovery;
    }
    const Duration step = clock_.now() < calm_from ? kLookClosely : kLookLessClosely;
    co_await clock_.sleep_until(std::min(clock_.now() + step, deadline));
  }
  co_return false;
}

}  // namespace tanist::postgres
