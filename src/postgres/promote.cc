#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "core/log.h"
#include "postgres/local_server.h"

namespace tanist::postgres {

using namespace std::chrono_literals;

namespace {
/// How often the end of a promotion is looked for: closely while it may come any moment; a restored backup
/// may take hours.
constexpr Duration kLookClosely = 5ms;
constexpr Duration kCloselyFor = 10s;
constexpr Duration kLookLater = 20ms;
}  // namespace

Task<Result> LocalServer::run_pre_promote(Instant deadline) {
  if (pg().pre_promote.empty()) co_return Result();
  auto running = run_script("pre_promote", pg().pre_promote, {}, script_environment(), deadline);
  Result done = co_await std::move(running);
  co_return done;
}

/// The same as pg_ctl promote: a file, and a signal that makes PostgreSQL look for it.
Task<Result> LocalServer::promote(Instant deadline) {
  const auto refused = [](const std::string& why) {
    return std::unexpected(Failure{"could not promote: " + why});
  };
  if (!postmaster_) co_return refused("PostgreSQL does not run");
  if (facts_.probe && !facts_.probe->in_recovery) co_return Result();
  const std::string path = pg().data_dir + "/promote";
  const unsigned mode = file_mode(path);
  auto creating = on_disk(
      "create " + path,
      [path, mode]() -> std::expected<void, std::string> {
        const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, mode);
        if (fd < 0)
          return std::unexpected(fmt::format("could not create \"{}\": {}", path, std::strerror(errno)));
        ::close(fd);
        return {};
      },
      deadline);
  Result created = co_await std::move(creating);
  if (!created) co_return refused(created.error().detail);
  if (!postmaster_ || !postmaster_->pidfd.signal(SIGUSR1)) {
    auto removing = disk_.remove(path, deadline);
    co_await std::move(removing);
    co_return refused("PostgreSQL does not run");
  }
  co_return Result();
}

Task<bool> LocalServer::wait_promoted(Instant deadline) {
  const Instant calm_from = clock_.now() + kCloselyFor;
  while (facts_.running() && clock_.now() < deadline) {
    auto asking = work_query("SELECT pg_is_in_recovery()", {}, deadline);
    auto rows = co_await std::move(asking);
    if (rows && rows->size() == 1 && rows->front()[0] == "f") {
      // Facts and answer agree before this is told. The recovery section of the files stays until the next
      // start: most of it cannot go without one, and PostgreSQL would complain at every reload.
      auto refreshing = refresh(Duration::zero(), deadline);
      co_await std::move(refreshing);
      co_return facts_.probe && !facts_.probe->in_recovery;
    }
    const Duration step = clock_.now() < calm_from ? kLookClosely : kLookLater;
    auto napping = clock_.sleep_until(std::min(clock_.now() + step, deadline));
    co_await std::move(napping);
  }
  co_return false;
}

}  // namespace tanist::postgres
