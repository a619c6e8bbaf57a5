#include "postgres/copies/custom_bootstrap.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "async/wait.h"
#include "core/document.h"
#include "core/text.h"
#include "log/log.h"
#include "postgres/copies/progress.h"
#include "postgres/local/local_server.h"
#include "postgres/parameters/config_files.h"

TANIST_LOGGER("patroni.postgresql.bootstrap");

/// A new cluster from a script of the user: a restored backup, most of all, with recovery to a point in time.
namespace tanist::postgres {

using namespace std::chrono_literals;

namespace {

constexpr Duration kResolveBudget = 2s;

bool is_true(const std::string& text) {
  return parse_bool(Document(text)).value_or(false);
}

std::string quoted_user(const std::string& user) {
  return user.empty() ? "all" : "\"" + user + "\"";
}

}  // namespace

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

Parameters bootstrap_recovery(const std::map<std::string, std::string>& configured, int version) {
  Parameters parameters;
  for (const auto& [name, value] : configured) {
    if (is_recovery_parameter(lower(name))) parameters[lower(name)] = value;
  }
  const auto rename = [&](const std::string& from, const std::string& to) {
    if (auto node = parameters.extract(from)) parameters.try_emplace(to, node.mapped());
  };
  if (version >= 120000) {
    rename("trigger_file", "promote_trigger_file");
  } else {
    rename("promote_trigger_file", "trigger_file");
  }
  if (version >= 160000) parameters.erase("promote_trigger_file");
  if (version >= 90500) {
    if (auto pause = parameters.extract("pause_at_recovery_target"))
      parameters.try_emplace("recovery_target_action", is_true(pause.mapped()) ? "pause" : "promote");
  } else if (auto action = parameters.extract("recovery_target_action")) {
    if (action.mapped() == "promote") parameters.try_emplace("pause_at_recovery_target", "false");
  }
  if (version < 100000) parameters.erase("recovery_target_lsn");
  return parameters;
}

bool starts_without_hot_standby(const config::CustomBootstrap& custom, int version) {
  if (custom.keep_existing_recovery_conf) return true;
  if (!custom.recovery_conf || version < 90500) return false;
  const Parameters recovery = bootstrap_recovery(*custom.recovery_conf, version);
  const auto action = recovery.find("recovery_target_action");
  return action != recovery.end() && action->second == "promote";
}

std::vector<std::string> trust_entries(const config::Postgresql& postgresql,
                                       const std::vector<std::string>& local_addresses) {
  std::vector<std::string> lines;
  const std::pair<const char*, std::string> users[] = {
      {"replication", quoted_user(postgresql.replication.username)},
      {"all", quoted_user(postgresql.superuser.username)}};
  for (const auto& [database, user] : users) {
    lines.push_back(fmt::format("local\t{}\t{}\ttrust", database, user));
    for (const auto& address : local_addresses) {
      // One address, and nobody beside it.
      const int bits = address.find(':') == std::string::npos ? 32 : 128;
      lines.push_back(fmt::format("host\t{}\t{}\t{}/{}\ttrust", database, user, address, bits));
    }
  }
  return lines;
}

bool LocalServer::keeps_recovery_conf() const {
  return custom_bootstrapping_ && context_.settings->bootstrap.custom &&
         context_.settings->bootstrap.custom->keep_existing_recovery_conf;
}

Task<Result> LocalServer::custom_bootstrap(Instant deadline) {
  if (!context_.settings->bootstrap.custom)
    co_return std::unexpected(Failure{"no custom bootstrap is configured"});
  if (!context_.stopped()) co_return std::unexpected(Failure{"custom bootstrap: PostgreSQL runs"});
  co_await directory_.look(deadline);
  if (facts_.data_directory != DataDirectory::empty || directory_.unfinished_clone()) {
    co_return std::unexpected(
        Failure{fmt::format("custom bootstrap: data directory \"{}\" is not empty", context_.pg().data_dir)});
  }
  Result forgotten = co_await forget_rewind(deadline);
  if (!forgotten) co_return forgotten;
  const Directory::Rebuilding rebuilding(directory_);
  facts_.control.reset();
  bootstrap_begun_ = true;
  custom_bootstrapping_ = true;
  const config::CustomBootstrap custom = *context_.settings->bootstrap.custom;
  log::info("running custom bootstrap script {}", custom.name);
  Result done = co_await programs_.run_long_script(custom.name, custom.command,
                                                   bootstrap_arguments(*context_.settings, custom),
                                                   programs_.script_environment(), deadline);
  co_await directory_.look(deadline);
  if (done && facts_.data_directory != DataDirectory::ok) {
    done = std::unexpected(
        Failure{facts_.data_directory_error.empty()
                    ? fmt::format("there is no cluster in \"{}\" afterwards", context_.pg().data_dir)
                    : facts_.data_directory_error});
  }
  if (done && !directory_.seen().permission_error.empty()) {
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
    done = co_await std::move(closing);
  }
  if (!done) {
    Result ended = co_await end_left_tools(deadline);
    if (!ended) log::error("{}", ended.error().detail);
    co_return std::unexpected(
        Failure{fmt::format("custom bootstrap {}: {}", custom.name, done.error().detail)});
  }
  if (facts_.running()) {
    co_return std::unexpected(
        Failure{fmt::format("custom bootstrap {}: its script left PostgreSQL running in \"{}\"", custom.name,
                            context_.pg().data_dir)});
  }
  co_await welcome_clone(deadline);
  Result appended = co_await append_bootstrap_hba(deadline);
  if (!appended) co_return appended;
  // The copies are what pg_hba.conf is restored from when everybody is an ordinary user again.
  auto copying = context_.disk.run(
      "back up configuration files",
      [settings = context_.settings] { back_up_configuration(settings->postgresql); }, deadline);
  auto copied = co_await std::move(copying);
  if (!copied) co_return std::unexpected(Failure{copied.error()});
  co_return Result();
}

Task<std::vector<std::string>> LocalServer::trust_lines(Instant deadline) {
  const auto parameters =
      local_parameters(*context_.settings, context_.address, context_.pg().replication, true);
  const auto host = parameters.find("host");
  std::vector<std::string> addresses;
  if (host != parameters.end() && !host->second.empty() && !host->second.starts_with('/')) {
    auto resolving = context_.resolver->resolve(host->second, context_.pg().port);
    const auto found = co_await with_deadline(clock_, std::move(resolving),
                                              std::min(deadline, clock_.now() + kResolveBudget));
    if (found && *found) {
      for (const auto& endpoint : **found) addresses.push_back(endpoint.address().to_string());
    } else {
      log::warning("could not resolve {}: only connections by socket are let in during the bootstrap",
                   host->second);
    }
  }
  co_return trust_entries(context_.pg(), addresses);
}

Task<Parameters> LocalServer::first_start_parameters(Parameters parameters, Instant deadline) {
  const int version = programs_.target_version();
  const config::CustomBootstrap custom =
      context_.settings->bootstrap.custom.value_or(config::CustomBootstrap{});
  recovery_ = {};
  recovery_active_ = custom.recovery_conf.has_value();
  if (custom.recovery_conf) {
    recovery_.parameters = bootstrap_recovery(*custom.recovery_conf, version);
    if (version >= 120000) recovery_.parameters.erase("standby_mode");
  }
  trust_hba_ = co_await trust_lines(deadline);
  parameters.erase("hba_file");
  if (starts_without_hot_standby(custom, version)) {
    parameters["hot_standby"] = "off";
  } else if (facts_.control) {
    raised_ = raise_to_required(parameters, facts_.control->required_settings);
    for (const auto& [name, configured] : raised_)
      facts_.pending_restart[name] = {parameters.at(name), configured};
  }
  co_return parameters;
}

Task<Result> LocalServer::write_first_recovery_files(Instant deadline) {
  const config::CustomBootstrap custom =
      context_.settings->bootstrap.custom.value_or(config::CustomBootstrap{});
  if (!custom.recovery_conf) {
    if (custom.keep_existing_recovery_conf) co_return Result();
    Result removed = co_await write_recovery_files(false, deadline);
    co_return removed;
  }
  const Parameters configured = bootstrap_recovery(*custom.recovery_conf, programs_.target_version());
  const auto mode = configured.find("standby_mode");
  const bool standby = mode != configured.end() && is_true(mode->second);
  const bool by_signal = programs_.target_version() >= 120000;
  const std::string data_dir = context_.pg().data_dir;
  const std::string wanted = data_dir + (!by_signal ? "/recovery.conf"
                                         : standby  ? "/standby.signal"
                                                    : "/recovery.signal");
  const std::string content = by_signal ? std::string() : render_recovery_conf(configured);
  auto writing = context_.on_disk(
      "write recovery files",
      [data_dir, wanted, content,
       access = directory_.file_mode(wanted)]() -> std::expected<void, std::string> {
        for (const char* name : {"/recovery.conf", "/standby.signal", "/recovery.signal"}) {
          if (data_dir + name == wanted) continue;
          if (auto removed = blocking::remove_file(data_dir + name); !removed) return removed;
        }
        return blocking::write_file(wanted, content, access);
      },
      deadline);
  Result written = co_await std::move(writing);
  co_return written;
}

Task<std::expected<bool, Failure>> LocalServer::end_custom_bootstrap(Instant deadline) {
  custom_bootstrapping_ = false;
  trust_hba_.clear();
  recovery_ = {};
  recovery_active_ = false;
  Result removed = co_await write_recovery_files(false, deadline);
  if (!removed) co_return std::unexpected(removed.error());
  const bool own_hba = has_own_hba();
  if (context_.pg().pg_hba.empty() || !own_hba) {
    const std::string hba = config_directory(context_.pg()) + "/pg_hba.conf";
    auto restoring = context_.on_disk(
        "restore pg_hba.conf",
        [hba, settings = context_.settings]() -> std::expected<void, std::string> {
          if (auto gone = blocking::remove_file(hba); !gone) return gone;
          restore_configuration(settings->postgresql);
          return {};
        },
        deadline);
    Result restored = co_await std::move(restoring);
    if (!restored) co_return std::unexpected(restored.error());
  }
  auto written = co_await write_files(valid_parameters(), deadline);
  if (!written) co_return std::unexpected(Failure{written.error()});
  if (!own_hba) co_return true;
  Result reloaded = co_await reload(Role::primary, false, deadline);
  if (!reloaded) co_return std::unexpected(reloaded.error());
  co_return !facts_.pending_restart.empty();
}

}  // namespace tanist::postgres
