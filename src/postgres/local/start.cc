#include "postgres/local/start.h"

#include <cstdlib>

#include "log/log.h"
#include "postgres/files/clone_place.h"
#include "postgres/files/data_directory.h"
#include "postgres/files/lock_files.h"
#include "postgres/local/admission.h"
#include "postgres/local/configuration.h"
#include "postgres/local/context.h"
#include "postgres/local/directory.h"
#include "postgres/local/marks.h"
#include "postgres/local/postmaster.h"
#include "postgres/local/programs.h"
#include "postgres/parameters/config_files.h"

TANIST_LOGGER("patroni.postgresql");

namespace tanist::postgres {

namespace {

std::unexpected<Failure> not_started(const std::string& why) {
  return std::unexpected(Failure{"could not start PostgreSQL: " + why});
}

}  // namespace

Start::Start(Context& context, Programs& programs, Directory& directory, Postmaster& postmaster,
             Configuration& configuration, Admission& admission)
    : context_(context),
      programs_(programs),
      directory_(directory),
      postmaster_(postmaster),
      configuration_(configuration),
      admission_(admission) {}

Result Start::may_start() const {
  const Facts& facts = context_.facts;
  const std::string& data_dir = context_.pg().data_dir;
  if (facts.process == Process::orphans || postmaster_.anybody_works_there())
    return not_started(fmt::format("other processes work in data directory \"{}\"", data_dir));
  if (directory_.unfinished_clone())
    return not_started(fmt::format("a clone into data directory \"{}\" is not finished", data_dir));
  if (facts.data_directory != DataDirectory::ok) {
    return not_started(facts.data_directory == DataDirectory::empty
                           ? fmt::format("data directory \"{}\" is empty", data_dir)
                           : facts.data_directory_error);
  }
  const std::string& permissions = directory_.seen().permission_error;
  if (!permissions.empty()) return not_started(permissions);
  if (facts.half_rewound) {
    return not_started(
        fmt::format("pg_rewind did not finish in data directory \"{}\"\nHINT: it is tried again while there "
                    "is a primary; "
                    "to clone instead, remove the directory and {}",
                    data_dir, rewind_mark(*context_.settings)));
  }
  return {};
}

Task<Result> Start::prepare(Instant deadline) {
  auto preparing = context_.on_disk(
      "prepare directories",
      [settings = context_.settings, mark = clone_mark(*context_.settings),
       now = context_.clock.wall_now()]() -> std::expected<void, std::string> {
        const std::string& data_dir = settings->postgresql.data_dir;
        if (marks_unfinished_clone(data_dir, mark)) {
          return std::unexpected(fmt::format(
              "\"{}\" says that a clone into data directory \"{}\" was not finished\nHINT: remove \"{}\" if "
              "what is in the directory is whole",
              mark, data_dir, mark));
        }
        // Of a promotion that was given up.
        if (auto removed = blocking::remove_file(promote_trigger(data_dir)); !removed) return removed;
        for (const auto& path : remove_empty_lock_files(settings->postgresql, now)) {
          log::warning("removed \"{}\": a server that was killed while it started left it empty", path);
        }
        return prepare_directories(*settings, data_dir, false);
      },
      deadline);
  co_return co_await std::move(preparing);
}

process::Environment Start::environment() const {
  const config::Postgresql& pg = context_.pg();
  auto environment =
      process::without(process::environment(), {"PATRONI_", "TANIST_", "KUBERNETES_", "NOTIFY_SOCKET"});
  if (!pg.krbsrvname.empty()) environment["PGKRBSRVNAME"] = pg.krbsrvname;
  if (auto arenas = environment.extract("PG_MALLOC_ARENA_MAX"))
    environment["MALLOC_ARENA_MAX"] = arenas.mapped();
  // PostgreSQL would take a zombie, or another process with the number of its last postmaster, for a running
  // one.
  const auto& pid_file = directory_.seen().postmaster_pid;
  const auto stale = pid_file ? parse_pid_file(*pid_file) : std::nullopt;
  if (stale) environment["PG_GRANDPARENT_PID"] = std::to_string(std::labs(stale->pid));
  return environment;
}

Task<Result> Start::start(StartRequest request, Instant deadline) {
  Facts& facts = context_.facts;
  co_await directory_.look(deadline);
  if (facts.running()) {
    log::info("PostgreSQL is already running as process {}", facts.postmaster_pid);
    co_return Result();
  }
  Result may = may_start();
  if (!may) co_return may;
  Result checked = co_await programs_.check(deadline);
  if (!checked) co_return checked;
  configuration_.take_role(request.role);
  Result prepared = co_await prepare(deadline);
  if (!prepared) co_return prepared;
  if (!request.as_standby && !request.custom_bootstrap) {
    Result recalled = co_await configuration_.recall_standby_names(deadline);
    if (!recalled) co_return not_started(recalled.error().detail);
  }
  Result admitted = co_await admission_.prepare(request, deadline);
  if (!admitted) co_return admitted;
  auto options = co_await configuration_.write_for_start(request, deadline);
  if (!options) co_return std::unexpected(std::move(options.error()));
  std::vector<std::string> argv{programs_.path("postgres"), "-D", context_.pg().data_dir,
                                "--config-file=" + main_file(context_.pg())};
  argv.insert(argv.end(), options->begin(), options->end());
  facts.control.reset();
  facts.standby_signal = request.as_standby;
  configuration_.note_launch();
  // Not in a coroutine of its own: the answer counts only while nothing is waited for.
  if (request.allowed && !request.allowed())
    co_return not_started("not starting as primary without the lease");
  Result launched = postmaster_.launch(std::move(argv), environment());
  if (launched) admission_.begin();
  co_return launched;
}

}  // namespace tanist::postgres
