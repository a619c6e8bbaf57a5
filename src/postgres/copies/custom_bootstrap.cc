#include "postgres/copies/custom_bootstrap.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "log/log.h"
#include "postgres/copies/bootstrap.h"
#include "postgres/copies/clone.h"
#include "postgres/copies/data_directory_life.h"
#include "postgres/copies/left_work.h"
#include "postgres/copies/progress.h"
#include "postgres/files/data_directory.h"
#include "postgres/local/apply.h"
#include "postgres/local/configuration.h"
#include "postgres/local/context.h"
#include "postgres/local/directory.h"
#include "postgres/local/programs.h"

TANIST_LOGGER("patroni.postgresql.bootstrap");

namespace tanist::postgres {

std::vector<std::string> bootstrap_arguments(const config::Settings& settings,
                                             const config::CustomBootstrap& custom) {
  std::vector<std::string> arguments;
  if (!custom.no_params) {
    arguments.push_back("--scope=" + settings.scope);
    arguments.push_back("--datadir=" + settings.postgresql.data_dir);
  }
  for (const auto& option : custom.arguments) arguments.push_back(render_option(option));
  return arguments;
}

CustomBootstrap::CustomBootstrap(Context& context, Programs& programs, Directory& directory,
                                 ControlFile& control_file, Configuration& configuration, Apply& apply,
                                 DataDirectoryLife& life, LeftWork& left_work, Bootstrap& bootstrap)
    : context_(context),
      programs_(programs),
      directory_(directory),
      control_file_(control_file),
      configuration_(configuration),
      apply_(apply),
      life_(life),
      left_work_(left_work),
      bootstrap_(bootstrap) {}

Task<Result> CustomBootstrap::run_script(config::CustomBootstrap custom, Instant deadline) {
  auto running =
      programs_.run_long_script(custom.name, custom.command, bootstrap_arguments(*context_.settings, custom),
                                programs_.script_environment(), deadline);
  Result done = co_await std::move(running);
  co_await directory_.look(deadline);
  if (!done) co_return done;
  if (context_.facts.data_directory != DataDirectory::ok) {
    co_return std::unexpected(
        Failure{context_.facts.data_directory_error.empty()
                    ? fmt::format("there is no cluster in \"{}\" afterwards", context_.pg().data_dir)
                    : context_.facts.data_directory_error});
  }
  if (directory_.seen().permission_error.empty()) co_return Result();
  // PostgreSQL wants it for itself; a script may not have thought of that.
  const std::string path = context_.pg().data_dir;
  auto closing = context_.on_disk(
      "set permissions of " + path,
      [path]() -> std::expected<void, std::string> {
        if (::chmod(path.c_str(), 0700) == 0) return {};
        return std::unexpected(
            fmt::format("could not set permissions of \"{}\": {}", path, std::strerror(errno)));
      },
      deadline);
  co_return co_await std::move(closing);
}

Task<Result> CustomBootstrap::run(Instant deadline) {
  if (!context_.settings->bootstrap.custom)
    co_return std::unexpected(Failure{"no custom bootstrap is configured"});
  Result begun = co_await life_.begin_new("custom bootstrap", deadline);
  if (!begun) co_return begun;
  const Directory::Rebuilding rebuilding(directory_);
  context_.facts.control.reset();
  configuration_.begin_custom_bootstrap();
  const config::CustomBootstrap custom = *context_.settings->bootstrap.custom;
  log::info("running custom bootstrap script {}", custom.name);
  Result done = co_await run_script(custom, deadline);
  if (!done) {
    Result ended = co_await left_work_.end_tools(deadline);
    if (!ended) log::error("{}", ended.error().detail);
    co_return std::unexpected(
        Failure{fmt::format("custom bootstrap {}: {}", custom.name, done.error().detail)});
  }
  if (context_.facts.running()) {
    co_return std::unexpected(
        Failure{fmt::format("custom bootstrap {}: its script left PostgreSQL running in \"{}\"", custom.name,
                            context_.pg().data_dir)});
  }
  co_await welcome_clone(context_, directory_, control_file_, deadline);
  Result appended = co_await bootstrap_.append_hba(deadline);
  if (!appended) co_return appended;
  // The copies are what pg_hba.conf is restored from when everybody is an ordinary user again.
  auto copying = context_.disk.run(
      "back up configuration files",
      [settings = context_.settings] { back_up_configuration(settings->postgresql); }, deadline);
  auto copied = co_await std::move(copying);
  if (!copied) co_return std::unexpected(Failure{copied.error()});
  co_return Result();
}

Task<std::expected<bool, Failure>> CustomBootstrap::end(Instant deadline) {
  Result ordinary = co_await configuration_.end_custom_bootstrap(deadline);
  if (!ordinary) co_return std::unexpected(std::move(ordinary.error()));
  // Somebody else's pg_hba.conf counts with a restart at the latest.
  if (!configuration_.has_own_hba()) co_return true;
  Result reloaded = co_await apply_.reload(Role::primary, false, deadline);
  if (!reloaded) co_return std::unexpected(std::move(reloaded.error()));
  co_return !context_.facts.pending_restart.empty();
}

}  // namespace tanist::postgres
