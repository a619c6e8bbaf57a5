#include "postgres/parameters/first_start.h"

#include <algorithm>

#include "async/wait.h"
#include "log/log.h"
#include "net/resolver.h"
#include "postgres/files/data_directory.h"
#include "postgres/local/configuration.h"
#include "postgres/local/context.h"
#include "postgres/local/directory.h"
#include "postgres/local/programs.h"
#include "postgres/parameters/config_files.h"

TANIST_LOGGER("patroni.postgresql.bootstrap");

/// The configuration of the first start after a custom bootstrap: this host's own connections are let in, and
/// recovery is as `bootstrap.<method>` says.
namespace tanist::postgres {

using namespace std::chrono_literals;

namespace {
constexpr Duration kResolveBudget = 2s;
}  // namespace

bool Configuration::keeps_recovery_conf() const {
  return custom_bootstrapping_ && context_.settings->bootstrap.custom &&
         context_.settings->bootstrap.custom->keep_existing_recovery_conf;
}

Task<std::vector<std::string>> Configuration::trust_lines(Instant deadline) {
  const auto parameters =
      local_parameters(*context_.settings, context_.address, context_.pg().accounts.replication, true);
  const auto host = parameters.find("host");
  std::vector<std::string> addresses;
  if (host != parameters.end() && !host->second.empty() && !host->second.starts_with('/')) {
    auto resolving = context_.resolver->resolve(host->second, context_.pg().port);
    const auto found = co_await with_deadline(context_.clock, std::move(resolving),
                                              std::min(deadline, context_.clock.now() + kResolveBudget));
    if (found && *found) {
      for (const auto& endpoint : **found) addresses.push_back(endpoint.address().to_string());
    } else {
      log::warning("could not resolve {}: only connections by socket are let in during the bootstrap",
                   host->second);
    }
  }
  co_return trust_entries(context_.pg(), addresses);
}

Task<Parameters> Configuration::first_start_parameters(Parameters parameters, Instant deadline) {
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
  } else {
    raise(parameters);
  }
  co_return parameters;
}

Task<Result> Configuration::write_first_recovery_files(Instant deadline) {
  const config::CustomBootstrap custom =
      context_.settings->bootstrap.custom.value_or(config::CustomBootstrap{});
  if (!custom.recovery_conf) {
    if (custom.keep_existing_recovery_conf) co_return Result();
    co_return co_await write_recovery_files(false, deadline);
  }
  const Parameters configured = bootstrap_recovery(*custom.recovery_conf, programs_.target_version());
  const bool standby = is_standby(configured);
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
  co_return co_await std::move(writing);
}

Task<Result> Configuration::end_custom_bootstrap(Instant deadline) {
  custom_bootstrapping_ = false;
  trust_hba_.clear();
  recovery_ = {};
  recovery_active_ = false;
  Result removed = co_await write_recovery_files(false, deadline);
  if (!removed) co_return removed;
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
    if (!restored) co_return restored;
  }
  auto written = co_await write_files(valid_parameters(), deadline);
  if (!written) co_return std::unexpected(Failure{written.error()});
  co_return Result();
}

}  // namespace tanist::postgres
