#include "postgres/copies/rewind.h"

#include <algorithm>
#include <set>

#include "async/wait.h"
#include "log/log.h"
#include "postgres/client/connection.h"
#include "postgres/copies/archive.h"
#include "postgres/copies/compare.h"
#include "postgres/copies/progress.h"
#include "postgres/files/data_directory.h"
#include "postgres/files/lock_files.h"
#include "postgres/files/wal_files.h"
#include "postgres/local/configuration.h"
#include "postgres/local/context.h"
#include "postgres/local/control_file.h"
#include "postgres/local/directory.h"
#include "postgres/local/marks.h"
#include "postgres/local/programs.h"
#include "postgres/local/secret_files.h"
#include "postgres/parameters/config_files.h"

TANIST_LOGGER("patroni.postgresql.rewind");

namespace tanist::postgres {

using namespace std::chrono_literals;

namespace {

constexpr Duration kHelpBudget = 10s;
constexpr Duration kLookAtSource = 5s;
/// The timeline it reads back to may need this many segments; each is fetched once.
constexpr std::size_t kMaxFetched = 10000;
constexpr int kHasRestoreTargetWal = 130000;
constexpr int kHasConfigFile = 150000;
constexpr int kClearsSlots = 110000;

/// With --progress pg_rewind says so right before it changes anything.
bool begins_to_change(std::string_view line) {
  return line.find("need to copy ") != std::string_view::npos;
}

}  // namespace

Task<std::expected<void, std::string>> note_rewind(Context& context, bool under_way, Instant deadline) {
  const std::string path = rewind_mark(*context.settings);
  auto noting = under_way ? context.disk.write(path, context.pg().data_dir + "\n", 0600, deadline)
                          : context.disk.remove(path, deadline);
  auto noted = co_await std::move(noting);
  if (noted) context.facts.half_rewound = under_way;
  co_return noted;
}

Task<Result> forget_rewind(Context& context, Instant deadline) {
  if (!context.facts.half_rewound) co_return Result();
  auto removed = co_await note_rewind(context, false, deadline);
  if (!removed) co_return std::unexpected(Failure{removed.error()});
  co_return Result();
}

Rewind::Rewind(Context& context, Programs& programs, Directory& directory, ControlFile& control_file,
               Configuration& configuration, Archive& archive, WalComparison& comparison)
    : context_(context),
      programs_(programs),
      directory_(directory),
      control_file_(control_file),
      configuration_(configuration),
      archive_(archive),
      comparison_(comparison) {}

Task<void> Rewind::check(Instant deadline) {
  if (!context_.pg().use_pg_rewind) {
    context_.facts.rewind_works = true;
    checked_.clear();
    co_return;
  }
  const std::string program = programs_.path("pg_rewind");
  if (checked_ == program) co_return;
  std::vector<std::string> argv{program, "--help"};
  auto finished =
      co_await programs_.ask(std::move(argv), std::min(deadline, context_.clock.now() + kHelpBudget));
  context_.facts.rewind_works = finished && finished->success();
  if (context_.facts.rewind_works) {
    checked_ = program;
  } else {
    log::warning("pg_rewind cannot be used: {} --help: {}", program,
                 finished ? finished->describe() : finished.error());
  }
}

Task<bool> Rewind::offer_restore_command(Instant deadline) {
  // A primary's files name none: it never was told to restore anything.
  auto written = co_await configuration_.write_for_rewind(deadline);
  if (!written) {
    log::warning("could not name restore_command to pg_rewind: {}", written.error());
    co_return false;
  }
  const std::string seen = co_await programs_.parameter("restore_command", deadline);
  co_return !seen.empty() && seen != "?";
}

Task<std::optional<std::string>> Rewind::socket_at_source(Upstream source, Instant deadline) {
  Connection connection(context_.clock, *context_.resolver);
  auto parameters = primary_parameters(*context_.settings, source,
                                       rewind_credentials(*context_.settings, programs_.target_version()));
  parameters["options"] = "-c statement_timeout=0 -c search_path=pg_catalog";
  auto connected = co_await connection.connect(std::move(parameters), deadline);
  if (!connected) co_return std::nullopt;
  // Members are configured alike, as a rule: where this one has its sockets the other may have them.
  std::vector<std::string> places{"."};
  for (const auto& directory : socket_directories_inside(context_.pg()))
    if (directory != context_.pg().data_dir)
      places.push_back(directory.substr(context_.pg().data_dir.size() + 1));
  for (const auto& place : places) {
    std::vector<std::string> values{place};
    auto found = co_await connection.query(
        "SELECT name FROM pg_catalog.pg_ls_dir($1, true, false) AS name"
        " WHERE name LIKE '.s.PGSQL.%' AND name NOT LIKE '%.lock' LIMIT 1",
        std::move(values), deadline);
    if (found && found->size() == 1 && found->front()[0])
      co_return (place == "." ? std::string() : place + "/") + *found->front()[0];
  }
  co_return std::nullopt;
}

Task<Rewind::Finished> Rewind::run(std::vector<std::string> argv, process::Environment environment,
                                   std::string restore_command, std::function<void(Progress)> progress,
                                   Instant deadline) {
  std::set<std::string> fetched;
  for (;;) {
    auto running = programs_.run(argv, environment, deadline, [this, progress](std::string_view line) {
      run_.touched = run_.touched || begins_to_change(line);
      if (const auto seen = parse_progress(line)) {
        if (progress) progress(*seen);
        context_.changed(ServerEvent::progress);
      }
    });
    auto finished = co_await std::move(running);
    if (!finished) co_return finished;
    // Before version 12 it says this on its other output.
    run_.touched = run_.touched || begins_to_change(finished->out);
    run_.succeeded = finished->success();
    if (run_.succeeded || restore_command.empty()) co_return finished;
    auto missing = missing_segment(finished->err);
    if (!missing) missing = missing_segment(finished->out);
    if (!missing || fetched.size() >= kMaxFetched || !fetched.insert(*missing).second) co_return finished;
    Result done = co_await archive_.fetch(restore_command, *missing, deadline);
    if (!done) {
      log::error("{}", done.error().detail);
      co_return finished;
    }
  }
}

Task<Result> Rewind::checkpoint_source(Upstream source, Instant deadline) {
  const std::string name = source.member;
  const auto failed = [&name](const std::string& why) {
    return std::unexpected(Failure{fmt::format("CHECKPOINT on {} before rewind: {}", name, why)});
  };
  const bool superuser = rewind_credentials(*context_.settings, programs_.target_version()).username ==
                         context_.pg().accounts.superuser.username;
  Connection connection(context_.clock, *context_.resolver);
  auto parameters = primary_parameters(*context_.settings, source,
                                       rewind_credentials(*context_.settings, programs_.target_version()));
  parameters["options"] = "-c statement_timeout=0 -c search_path=pg_catalog";
  auto connected = co_await connection.connect(std::move(parameters),
                                               std::min(deadline, context_.clock.now() + kLookAtSource));
  if (!connected) co_return failed(connected.error().detail);
  auto asking = connection.query("SELECT pg_is_in_recovery()", {}, deadline);
  auto recovery = co_await std::move(asking);
  if (!recovery) co_return failed(recovery.error().detail);
  if (recovery->size() != 1 || recovery->front()[0] != "f") co_return failed("it is in recovery");
  if (superuser) {
    auto done = co_await connection.command("CHECKPOINT", deadline);
    if (!done) co_return failed(done.error().detail);
    co_return Result();
  }
  auto comparing = connection.query(
      "SELECT timeline_id = ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int"
      " FROM pg_control_checkpoint()",
      {}, deadline);
  auto same = co_await std::move(comparing);
  if (!same) co_return failed(same.error().detail);
  if (same->size() != 1 || same->front()[0] != "t")
    co_return failed("it has not made one since its promotion");
  co_return Result();
}

Task<std::expected<Rewind::Finished, std::string>> Rewind::marked(
    Task<std::expected<Finished, std::string>> op, std::string source, Instant deadline) {
  auto noted = co_await note_rewind(context_, true, deadline);
  if (!noted) {
    run_.mark_error = noted.error();
    co_return std::unexpected(std::move(noted.error()));
  }
  log::info("running pg_rewind from {}", source);
  context_.facts.control.reset();
  co_return co_await std::move(op);
}

Task<void> Rewind::settle_mark() {
  if (run_.touched && !run_.succeeded) co_return;
  auto gone = co_await note_rewind(context_, false, context_.clock.now() + kLookAtSource);
  if (!gone && run_.mark_error.empty()) run_.mark_error = std::move(gone.error());
}

Task<Failure> Rewind::explain(std::expected<Finished, std::string> ran, std::string restore_command,
                              Upstream source, Instant deadline) {
  std::string why = !ran ? ran.error() : !*ran ? ran->error() : (*ran)->describe();
  const auto missing = ran && *ran ? missing_segment((*ran)->err) : std::nullopt;
  if (missing)
    why =
        fmt::format("WAL file {} of this member is needed, and is neither in its pg_wal nor {}: {}", *missing,
                    restore_command.empty() ? "in an archive, as no restore_command is configured"
                                            : "to be had by restore_command",
                    why);
  const auto lost = co_await comparison_.why_not_writable(source, context_.clock.now() + kLookAtSource);
  co_await control_file_.read(deadline);
  co_return Failure{fmt::format("pg_rewind from {} failed: {}", source.member, why), lost.has_value()};
}

Task<Result> Rewind::rewind(Upstream source, std::function<void(Progress)> progress, Instant deadline) {
  if (!context_.stopped()) co_return std::unexpected(Failure{"pg_rewind: PostgreSQL runs"});
  const Directory::Rebuilding rebuilding(directory_);
  co_await archive_.archive_ready(deadline);

  const auto socket =
      co_await socket_at_source(source, std::min(deadline, context_.clock.now() + kLookAtSource));
  if (socket) {
    co_return std::unexpected(Failure{fmt::format(
        "pg_rewind from {} is not run: the data directory there holds the socket \"{}\", and it would fail "
        "on that half-way\nHINT: name a directory outside of the data directory in "
        "unix_socket_directories and restart that member; or have a new clone made: "
        "remove_data_directory_on_rewind_failure, or reinit",
        source.member, *socket)});
  }
  const int version = programs_.target_version();
  auto parameters =
      source_parameters(*context_.settings, source, rewind_credentials(*context_.settings, version));
  if (version >= 100000) parameters["target_session_attrs"] = "read-write";
  const HeldSecrets secrets(context_, "rewind", take_secrets(parameters, version));
  const bool own_files = main_file(context_.pg()) != context_.pg().data_dir + "/postgresql.conf" &&
                         version >= kHasRestoreTargetWal;
  const auto recovery = wanted_recovery(*context_.settings, std::nullopt, version).parameters;
  const auto configured = recovery.find("restore_command");
  const std::string restore_command = configured == recovery.end() ? std::string() : configured->second;
  bool restores = !restore_command.empty() &&
                  (version >= kHasConfigFile || (version >= kHasRestoreTargetWal && !own_files));
  if (restores) {
    restores = co_await offer_restore_command(deadline);
  }
  std::vector<std::string> argv{programs_.path("pg_rewind")};
  if (restores) argv.push_back("--restore-target-wal");
  if (own_files && version >= kHasConfigFile) argv.push_back("--config-file=" + main_file(context_.pg()));
  argv.insert(argv.end(), {"--progress", "-D", context_.pg().data_dir, "--source-server",
                           render_conninfo(parameters, version)});
  for (const auto& option : context_.pg().tools.rewind_options) argv.push_back(render_option(option));

  auto environment = programs_.tool_environment();
  environment["PGOPTIONS"] = "-c statement_timeout=0";
  secrets.name_in(environment);
  // A target that was rewound half-way may start and be corrupt: until pg_rewind has ended well nothing
  // starts on it.
  run_ = {.touched = context_.facts.half_rewound};
  auto running = run(std::move(argv), std::move(environment), restores ? std::string() : restore_command,
                     std::move(progress), deadline);
  auto held = marked(secrets.during(std::move(running), deadline), source.member, deadline);
  const auto ran = co_await with_cleanup(std::move(held), settle_mark());
  if (!run_.mark_error.empty()) co_return std::unexpected(Failure{"pg_rewind: " + run_.mark_error});
  if (!run_.succeeded) {
    Failure why = co_await explain(ran, restore_command, std::move(source), deadline);
    co_return std::unexpected(std::move(why));
  }
  log::info("pg_rewind exit code=0");
  if (version < kClearsSlots) {
    log::info("removing the replication slots of {}: pg_rewind of this version copies them", source.member);
    auto clearing = context_.on_disk(
        "remove replication slots of the source",
        [path = context_.pg().data_dir + "/pg_replslot"] { return empty_directory(path); }, deadline);
    Result cleared = co_await std::move(clearing);
    if (!cleared) log::warning("{}", cleared.error().detail);
  }
  co_await directory_.look(deadline);
  co_await control_file_.read(deadline);
  co_return Result();
}

}  // namespace tanist::postgres
