#include "postgres/copies/single_user.h"

#include "log/log.h"
#include "postgres/copies/archive.h"
#include "postgres/files/data_directory.h"
#include "postgres/local/context.h"
#include "postgres/local/control_file.h"
#include "postgres/local/directory.h"
#include "postgres/local/programs.h"
#include "postgres/parameters/config_files.h"

TANIST_LOGGER("patroni.postgresql.rewind");

namespace tanist::postgres {
namespace {

/// The settings of the last run, so that what the WAL needs is there; nothing is archived meanwhile.
std::vector<std::string> single_user_options(std::string_view postmaster_opts, const std::string& main_file) {
  Parameters options;
  options["config-file"] = main_file;
  // One line: the program, then "-D" "/data" "--name=value" …, each quoted.
  for (std::size_t at = postmaster_opts.find("\"--"); at != std::string_view::npos;
       at = postmaster_opts.find("\"--", at + 1)) {
    const auto end = postmaster_opts.find('"', at + 1);
    const auto item = postmaster_opts.substr(at + 3, end == std::string_view::npos ? end : end - at - 3);
    const auto equals = item.find('=');
    if (equals != std::string_view::npos)
      options[std::string(item.substr(0, equals))] = item.substr(equals + 1);
  }
  options["archive_mode"] = "on";
  options["archive_command"] = "false";
  std::vector<std::string> argv;
  for (const auto& [name, value] : options) {
    argv.insert(argv.end(), {"-c", name + "=" + value});
  }
  return argv;
}

}  // namespace

CrashRecovery::CrashRecovery(Context& context, Programs& programs, Directory& directory,
                             ControlFile& control_file, Archive& archive)
    : context_(context),
      programs_(programs),
      directory_(directory),
      control_file_(control_file),
      archive_(archive) {}

Task<Result> CrashRecovery::recover(Instant deadline) {
  if (!context_.stopped()) co_return std::unexpected(Failure{"crash recovery: PostgreSQL runs"});
  if (context_.facts.half_rewound)
    co_return std::unexpected(Failure{"crash recovery: pg_rewind has not finished"});
  const Directory::Rebuilding rebuilding(directory_);
  co_await archive_.archive_ready(deadline);
  const std::string data_dir = context_.pg().data_dir;
  auto cleaning = context_.on_disk(
      "prepare single-user recovery",
      [data_dir, status = programs_.wal_path() + "/archive_status"]() -> std::expected<void, std::string> {
        for (const auto& name : names_of_directory(status)) (void)blocking::remove_file(status + "/" + name);
        for (const char* name : {"recovery.conf", "recovery.signal", "standby.signal"}) {
          if (auto removed = blocking::remove_file(data_dir + "/" + name); !removed) return removed;
        }
        return {};
      },
      deadline);
  Result cleaned = co_await std::move(cleaning);
  if (!cleaned) co_return cleaned;
  auto options = co_await context_.disk.read(data_dir + "/postmaster.opts", deadline);
  std::vector<std::string> argv{programs_.path("postgres"), "--single", "-D", data_dir};
  for (auto& option :
       single_user_options(options && *options ? **options : std::string(), main_file(context_.pg()))) {
    argv.push_back(std::move(option));
  }
  argv.push_back("template1");
  auto finished = co_await programs_.run(std::move(argv), programs_.tool_environment(), deadline);
  context_.facts.control.reset();
  if (!finished || !finished->success()) {
    co_return std::unexpected(Failure{
        fmt::format("Crash recovery finished with {}", finished ? finished->describe() : finished.error())});
  }
  log::info("crash recovery of \"{}\" in single-user mode is done", data_dir);
  co_await directory_.look(deadline);
  co_await control_file_.read(deadline);
  co_return Result();
}

}  // namespace tanist::postgres
