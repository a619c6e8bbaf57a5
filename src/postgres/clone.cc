#include <algorithm>
#include <exception>

#include "core/log.h"
#include "core/wait.h"
#include "postgres/local_server.h"
#include "postgres/progress.h"

/// Replicas by pg_basebackup, and the end of data directories.
namespace tanist::postgres {

using namespace std::chrono_literals;

namespace {
constexpr int kTries = 2;
constexpr Duration kBetweenTries = 5s;
/// The removal goes on after it.
constexpr Duration kCleanBudget = 30s;

std::string explain(const std::string& said) {
  if (said.find("No space left on device") != std::string::npos) {
    return said + "\nHINT: the disk is full; make room in the data directory's file system";
  }
  if (said.find("password authentication failed") != std::string::npos) {
    return said + "\nHINT: check postgresql.authentication.replication";
  }
  if (said.find("no pg_hba.conf entry") != std::string::npos) {
    return said + "\nHINT: pg_hba.conf of the source must let the replication user in from this host";
  }
  return said;
}
}  // namespace

Task<Result> LocalServer::clone_into(ClonePlace place, Upstream source,
                                     std::function<void(Progress)> progress, Instant deadline) {
  const int version = binary_version_;
  auto parameters = source_parameters(*settings_, source, pg().replication);
  parameters["application_name"] = settings_->name;
  const std::string pgpass = pgpass_content(parameters);
  parameters.erase("password");
  std::vector<std::string> argv{tool("pg_basebackup"),
                                "--pgdata=" + place.path,
                                "-X",
                                "stream",
                                "--dbname=" + render_conninfo(parameters, version),
                                "--progress"};
  bool own_checkpoint = false;
  for (const auto& option : pg().basebackup_options) {
    own_checkpoint = own_checkpoint || option.name == "checkpoint";
    if (option.name != "progress") argv.push_back(render_option(option));
  }
  // A checkpoint spread over minutes is waited for before the first byte is copied.
  if (!own_checkpoint) argv.push_back("--checkpoint=fast");
  auto environment = tool_environment();
  if (!pgpass.empty()) environment["PGPASSFILE"] = pgpass_for("clone");
  auto running =
      run_tool(std::move(argv), std::move(environment), deadline, [this, progress](std::string_view line) {
        if (const auto seen = parse_progress(line)) {
          if (progress) progress(*seen);
          changed(ServerEvent::progress);
        }
      });
  auto holding = holding_pgpass(pgpass_for("clone"), pgpass, std::move(running), deadline);
  auto held = co_await std::move(holding);
  if (!held) co_return std::unexpected(Failure{"pg_basebackup: " + held.error()});
  const auto& finished = *held;
  if (finished && finished->success()) co_return Result();
  co_return std::unexpected(
      Failure{explain(fmt::format("pg_basebackup from {} ({}:{}) failed: {}", source.member, source.host,
                                  source.port, finished ? finished->describe() : finished.error()))});
}

/// Another data directory takes the place of the one that was to be rewound.
Task<Result> LocalServer::forget_rewind(Instant deadline) {
  if (!facts_.half_rewound) co_return Result();
  auto removing = disk_.remove(half_rewound_path(), deadline);
  auto removed = co_await std::move(removing);
  if (!removed) co_return std::unexpected(Failure{removed.error()});
  facts_.half_rewound = false;
  co_return Result();
}

Task<Result> LocalServer::base_backup(Upstream source, std::function<void(Progress)> progress,
                                      Instant deadline) {
  if (!stopped()) co_return std::unexpected(Failure{"pg_basebackup: PostgreSQL runs"});
  const Rebuilding rebuilding(rebuilding_);
  facts_.control.reset();
  auto forgetting = forget_rewind(deadline);
  Result forgotten = co_await std::move(forgetting);
  if (!forgotten) co_return forgotten;
  const std::string data_dir = pg().data_dir;
  const std::string marker = clone_marker();
  Result result = std::unexpected(Failure{"no attempt was made"});
  for (int attempt = 0; attempt < kTries && !result; ++attempt) {
    if (attempt > 0) {
      log::warning("{}; trying once more", result.error().detail);
      auto napping = clock_.sleep_for(kBetweenTries);
      co_await std::move(napping);
    }
    using Prepared = std::expected<ClonePlace, std::string>;
    auto preparing = long_disk_.call<Prepared>(
        "prepare a clone", [data_dir, marker] { return prepare_clone(data_dir, marker); }, deadline);
    std::expected<Prepared, std::string> prepared = co_await std::move(preparing);
    if (!prepared) co_return std::unexpected(Failure{std::move(prepared.error())});
    if (!*prepared) co_return std::unexpected(Failure{std::move(prepared->error())});
    const ClonePlace place = **prepared;

    std::exception_ptr cancelled;
    try {
      auto cloning = clone_into(place, source, progress, deadline);
      result = co_await std::move(cloning);
      if (result) {
        auto finishing = on_long_disk(
            "finish the clone", [place, data_dir, marker] { return finish_clone(place, data_dir, marker); },
            deadline);
        result = co_await std::move(finishing);
      }
    } catch (...) {
      cancelled = std::current_exception();
    }
    if (cancelled) co_await shield_from_cancellation();
    if (cancelled || !result) {
      auto discarding = long_disk_.run(
          "remove a clone that failed", [place, data_dir, marker] { discard_clone(place, data_dir, marker); },
          clock_.now() + kCleanBudget);
      auto discarded = co_await std::move(discarding);
      if (!discarded) log::error("{}", discarded.error());
    }
    if (cancelled) std::rethrow_exception(cancelled);
  }
  auto looking = look(deadline);
  co_await std::move(looking);
  if (!result) co_return result;
  log::info("replica has been created using basebackup");
  auto restoring = disk_.run(
      "restore configuration files", [settings = settings_] { restore_configuration(settings->postgresql); },
      deadline);
  co_await std::move(restoring);
  auto reading = read_control(deadline);
  co_await std::move(reading);
  co_return result;
}

Task<Result> LocalServer::remove_data_directory(std::string why, Instant deadline) {
  if (!stopped()) co_return std::unexpected(Failure{"data directory is not removed: PostgreSQL runs"});
  log::info("Removing data directory {}: {}", pg().data_dir, why);
  const Rebuilding rebuilding(rebuilding_);
  const std::string path = pg().data_dir;
  auto removing = on_long_disk(
      "remove data directory " + path, [path] { return postgres::remove_data_directory(path); }, deadline);
  Result removed = co_await std::move(removing);
  facts_.control.reset();
  auto looking = look(deadline);
  co_await std::move(looking);
  co_return removed;
}

Task<Result> LocalServer::rename_data_directory(Instant deadline) {
  if (!stopped()) co_return std::unexpected(Failure{"data directory is not renamed: PostgreSQL runs"});
  const std::string path = pg().data_dir;
  log::info("renaming data directory to {}.failed", path);
  const Rebuilding rebuilding(rebuilding_);
  auto renaming = on_long_disk(
      "rename data directory " + path, [path] { return postgres::rename_data_directory(path); }, deadline);
  Result renamed = co_await std::move(renaming);
  facts_.control.reset();
  auto looking = look(deadline);
  co_await std::move(looking);
  co_return renamed;
}

}  // namespace tanist::postgres
