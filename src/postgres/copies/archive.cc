#include "postgres/copies/archive.h"

#include <algorithm>
#include <vector>

#include "log/log.h"
#include "postgres/files/data_directory.h"
#include "postgres/files/version_names.h"
#include "postgres/local/context.h"
#include "postgres/local/programs.h"

TANIST_LOGGER("patroni.postgresql.rewind");

namespace tanist::postgres {

using namespace std::chrono_literals;

namespace {

/// For one file: a command that hangs must not keep a member out of its cluster.
constexpr Duration kOneFile = 10min;

bool archives(const std::string& value) {
  return value == "on" || value == "always" || value == "true" || value == "yes" || value == "1";
}

std::vector<std::string> ready_segments(const std::string& wal) {
  std::vector<std::string> names;
  for (const auto& name : names_of_directory(wal + "/archive_status")) {
    if (!name.ends_with(".ready")) continue;
    const std::string segment = name.substr(0, name.size() - 6);
    if (is_segment_name(segment) && file_exists(wal + "/" + segment)) names.push_back(segment);
  }
  std::ranges::sort(names);
  return names;
}

}  // namespace

Task<std::expected<void, std::string>> Archive::run(std::string command, WalFile file, Instant deadline) {
  process::Command shell;
  shell.argv = {"/bin/sh", "-c", expand_wal_command(command, file)};
  shell.environment = programs_.tool_environment();
  shell.directory = context_.pg().data_dir;
  auto finished = co_await process::run(context_.clock, std::move(shell),
                                        std::min(deadline, context_.clock.now() + kOneFile));
  if (!finished) co_return std::unexpected(finished.error());
  if (!finished->success()) co_return std::unexpected(finished->describe());
  co_return std::expected<void, std::string>();
}

Task<std::string> Archive::command(Instant deadline) {
  const std::string mode = co_await programs_.parameter("archive_mode", deadline);
  if (!archives(mode)) co_return std::string();
  std::string command = co_await programs_.parameter("archive_command", deadline);
  if (command == "?" || command == "(disabled)") command.clear();
  co_return command;
}

Task<void> Archive::archive_ready(Instant deadline) {
  const std::string wal = programs_.wal_path();
  using Names = std::vector<std::string>;
  auto listing =
      context_.disk.call<Names>("list WAL to archive", [wal] { return ready_segments(wal); }, deadline);
  auto names = co_await std::move(listing);
  if (!names || names->empty()) co_return;
  const std::string archive_command = co_await command(deadline);
  if (archive_command.empty()) co_return;
  for (const auto& name : *names) {
    auto running =
        run(archive_command, {wal_directory(programs_.target_version()) + "/" + name, name}, deadline);
    auto archived = co_await std::move(running);
    if (!archived) {
      log::error("Failed to archive WAL segment {}: {}", name, archived.error());
      co_return;
    }
    const std::string status = wal + "/archive_status/" + name;
    auto renaming = context_.on_disk(
        "mark " + name + " as archived",
        [status] { return rename_file(status + ".ready", status + ".done"); }, deadline);
    Result renamed = co_await std::move(renaming);
    if (!renamed) log::warning("{}", renamed.error().detail);
    log::info("Archived WAL segment {}", name);
  }
}

Task<void> Archive::archive_shutdown_checkpoint(Instant deadline) {
  if (!context_.stopped() || !context_.facts.control) co_return;
  const ControlData control = *context_.facts.control;
  if (control.cluster_state != "shut down") co_return;
  const std::string archive_command = co_await command(deadline);
  if (archive_command.empty()) {
    log::info("Not archiving latest checkpoint WAL file. Archiving is not configured.");
    co_return;
  }
  co_await archive_ready(deadline);
  const std::string name =
      segment_name(control.checkpoint_timeline, control.latest_checkpoint, control.wal_segment_bytes);
  auto running =
      run(archive_command, {wal_directory(programs_.target_version()) + "/" + name, name}, deadline);
  auto archived = co_await std::move(running);
  if (!archived) {
    log::error("Failed to archive WAL segment {}: {}", name, archived.error());
  } else {
    log::info("Archived WAL segment {}", name);
  }
}

Task<Result> Archive::fetch(std::string restore_command, std::string name, Instant deadline) {
  const std::string path = programs_.wal_path() + "/" + name;
  auto running = run(std::move(restore_command), {path, name}, deadline);
  auto fetched = co_await std::move(running);
  if (!fetched)
    co_return std::unexpected(
        Failure{fmt::format("Failed to fetch WAL segment {}: {}", name, fetched.error())});
  log::info("Fetched WAL segment {} with restore_command", name);
  co_return Result();
}

}  // namespace tanist::postgres
