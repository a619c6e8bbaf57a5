#include "postgres/local/directory.h"

#include <algorithm>

#include "log/log.h"
#include "postgres/local/context.h"
#include "process/umask.h"

TANIST_LOGGER("patroni.postgresql.postmaster");

namespace tanist::postgres {

using namespace std::chrono_literals;

namespace {
constexpr Duration kDirectoryBudget = 2s;
/// Between the two looks that must fail before the directory of a running server is called unreadable.
constexpr Duration kLookAgain = 200ms;
}  // namespace

/// What cannot be read costs a running server its life: one error that goes by must not. So it is looked
/// at once more.
Task<void> Directory::look(Instant deadline) {
  Clock& clock = context_.clock;
  auto seen = co_await look_once(context_.disk, std::min(deadline, clock.now() + kDirectoryBudget));
  if (seen && seen->kind == DataDirectory::unreadable && context_.facts.running()) {
    log::warning("{}; looking again", seen->error);
    if (clock.now() + kLookAgain >= deadline) co_return;
    co_await clock.sleep_for(kLookAgain);
    seen = co_await look_once(context_.disk, std::min(deadline, clock.now() + kDirectoryBudget));
  }
  if (seen) {
    take(std::move(*seen));
  } else {
    log::warning("{}", seen.error());
  }
}

Task<Result> Directory::look_beside(Instant deadline) {
  auto seen = co_await look_once(context_.long_disk, deadline);
  if (!seen) {
    log::warning("{}", seen.error());
    co_return std::unexpected(Failure{seen.error()});
  }
  take(std::move(*seen));
  co_return Result();
}

Task<std::expected<DataDirectorySeen, std::string>> Directory::look_once(DiskThread& disk, Instant deadline) {
  const std::string path = context_.pg().data_dir;
  auto op = disk.call<DataDirectorySeen>(
      "look at data directory " + path,
      [path, pgpass = context_.pg().pgpass, unadopted = !context_.facts.running()] {
        DataDirectorySeen seen = look_at_data_directory(path);
        const auto file = seen.postmaster_pid ? parse_pid_file(*seen.postmaster_pid) : std::nullopt;
        if (unadopted && file && file->pid > 0)
          seen.pid_file_process = describe_process(static_cast<pid_t>(file->pid), seen.place);
        if (!seen.standby_signal) return seen;
        if (auto lines = blocking::read_file(pgpass)) seen.pgpass = lines->value_or("");
        return seen;
      },
      deadline);
  co_return co_await std::move(op);
}

void Directory::take(DataDirectorySeen seen) {
  Facts& facts = context_.facts;
  looked_at_ = context_.clock.now();
  facts.data_directory = seen.kind;
  facts.data_directory_error = seen.error;
  // What was seen before still says more than what could not be read.
  if (seen.kind == DataDirectory::unreadable) return;
  facts.major_version = seen.major_version;
  facts.disk = seen.disk;
  facts.wal_disk = seen.wal_disk;
  facts.standby_signal = seen.standby_signal || seen.recovery_signal;
  facts.backup_label = seen.backup_label;
  // What a method that keeps data left is used by another attempt of it, and by nobody else.
  if (unfinished_clone_ && !facts.running()) facts.data_directory = DataDirectory::empty;
  if (!seen.place.path.empty()) place_ = seen.place;
  seen_ = std::move(seen);
  if (listener_) listener_(seen_);
}

unsigned Directory::file_mode(const std::string& path) const {
  // Outside of it the administrator's umask says who may look (config.md §11.6).
  if (!path.starts_with(context_.pg().data_dir + "/")) return 0666 & ~process::start_umask();
  return seen_.group_access ? 0640 : 0600;
}

}  // namespace tanist::postgres
