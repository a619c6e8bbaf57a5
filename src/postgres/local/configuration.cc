#include "postgres/local/configuration.h"

#include <algorithm>

#include "log/log.h"
#include "postgres/files/configuration_files.h"
#include "postgres/files/data_directory.h"
#include "postgres/local/context.h"
#include "postgres/local/control_file.h"
#include "postgres/local/directory.h"
#include "postgres/local/programs.h"
#include "postgres/parameters/config_files.h"

TANIST_LOGGER("patroni.postgresql");

/// From settings to files.
namespace tanist::postgres {

using namespace std::chrono_literals;

namespace {
constexpr Duration kDescribeBudget = 10s;
constexpr const char* kStandbyNames = "synchronous_standby_names";
constexpr const char* kStandbySlots = "synchronized_standby_slots";
constexpr int kHasStandbySlots = 170000;
}  // namespace

Configuration::Configuration(Context& context, Programs& programs, Directory& directory,
                             ControlFile& control_file)
    : context_(context), programs_(programs), directory_(directory), control_file_(control_file) {}

void Configuration::take_settings(config::SettingsPtr settings, Role role) {
  configured_ = std::move(settings);
  role_ = role;
  context_.settings = settings_for(configured_, role);
  if (!context_.facts.running()) return;
  const LocalAddress wanted = local_address(*context_.settings);
  const LocalAddress& runs = context_.address;
  const bool moved = wanted.listen_addresses != runs.listen_addresses || wanted.port != runs.port;
  if (!moved) started_url_ = context_.settings->conn_url();
  context_.facts.conn_url = moved ? started_url_ : std::string();
}

Task<void> Configuration::load_known_parameters(Instant deadline) {
  const std::string which = programs_.path("postgres") + " " + programs_.binary_text();
  const int version = programs_.exact_version();
  if (others_of_ == which && other_parameters_) co_return;
  if (!needs_description(effective_parameters(*context_.settings, version), version)) co_return;
  std::vector<std::string> argv{programs_.path("postgres"), "--describe-config"};
  auto finished =
      co_await programs_.ask(std::move(argv), std::min(deadline, context_.clock.now() + kDescribeBudget));
  if (!finished || !finished->success()) {
    log::warning(
        "could not ask {} which parameters it knows, others than the well-known ones are left out: {}",
        programs_.path("postgres"), finished ? finished->describe() : finished.error());
    co_return;
  }
  other_parameters_ = parse_describe_config(finished->out, version);
  others_of_ = which;
}

Parameters Configuration::valid_parameters() {
  const int version = programs_.target_version();
  Parameters parameters = effective_parameters(*context_.settings, version);
  if (const auto& names = context_.facts.own_standby_names) {
    parameters.erase(kStandbyNames);
    if (!names->empty()) parameters[kStandbyNames] = *names;
  }
  if (const auto& slots = context_.facts.own_standby_slots; slots && version >= kHasStandbySlots) {
    parameters.erase(kStandbySlots);
    if (!slots->empty()) parameters[kStandbySlots] = *slots;
  }
  // A binary that could not be asked: a server that runs has shown that it knows what it was given. Of the
  // other names none is worth a server that does not start.
  OtherParameters running;
  if (context_.facts.running()) {
    for (const auto& [name, value] : written_) running.insert(name);
  }
  const OtherParameters* others = other_parameters_ ? &*other_parameters_ : &running;
  for (const auto& warning : remove_invalid(parameters, others, programs_.exact_version()))
    log::warning("{}", warning);
  // Logical slots of a standby need what vacuum of the primary would remove (replication.md §4).
  if (context_.facts.feedback_forced && version >= 110000) parameters["hot_standby_feedback"] = "on";
  return parameters;
}

bool Configuration::has_own_hba() const {
  const auto parameters = effective_parameters(*context_.settings, programs_.target_version());
  return is_own_file(context_.pg(), parameters, "hba_file");
}

Task<std::expected<bool, std::string>> Configuration::write_files(Parameters parameters, Instant deadline) {
  const config::Postgresql& pg = context_.pg();
  const int version = programs_.target_version();
  MainConfiguration main =
      main_configuration(pg, parameters, recovery_active_ ? recovery_.parameters : Parameters(), version);
  const bool own_hba = !main.hba_file.empty();
  const bool own_ident = !main.ident_file.empty();
  const std::string hba_file = own_file(pg, "hba_file");
  const std::string ident_file = own_file(pg, "ident_file");

  ConfigurationFiles job;
  if (pg.custom_conf.empty()) job.base_file = config_directory(pg) + "/" + main.include;
  const auto add = [&](const std::string& path, std::string content) {
    job.files.push_back({path, std::move(content), directory_.file_mode(path)});
  };
  add(main_file(pg), render_main_configuration(main));
  if (own_hba && custom_bootstrapping_) {
    add(hba_file, render_lines(trust_hba_));
  } else if (own_hba && !narrowed_hba_.empty()) {
    add(hba_file, render_lines(narrowed_hba_));
  } else if (own_hba && !pg.pg_hba.empty()) {
    add(hba_file, render_lines(pg.pg_hba));
  }
  if (own_ident && !pg.pg_ident.empty()) add(ident_file, render_lines(pg.pg_ident));
  if (version >= 120000 && !keeps_recovery_conf()) job.auto_conf = pg.data_dir + "/postgresql.auto.conf";
  job.auto_conf_mode = directory_.file_mode(job.auto_conf);

  const Role role = role_;
  using Outcome = std::expected<bool, std::string>;
  auto op = context_.disk.call<Outcome>(
      "write the configuration of PostgreSQL", [job = std::move(job)] { return write_configuration(job); },
      deadline);
  std::expected<Outcome, std::string> written = co_await std::move(op);
  if (!written) co_return std::unexpected(std::move(written.error()));
  if (!*written) co_return std::unexpected(std::move(written->error()));
  written_ = std::move(parameters);
  context_.facts.settings_role = role;
  context_.facts.settings_stale = false;
  co_return **written;
}

Task<Result> Configuration::write_recovery_files(bool as_standby, Instant deadline) {
  const std::string data_dir = context_.pg().data_dir;
  const int version = programs_.target_version();
  std::vector<std::string> remove{data_dir + "/recovery.signal"};
  std::string create;
  std::vector<ConfigurationFile> files;
  if (version >= 120000) {
    remove.push_back(data_dir + "/recovery.conf");
    if (as_standby) create = data_dir + "/standby.signal";
  } else if (as_standby) {
    files.push_back({data_dir + "/recovery.conf", render_recovery_conf(recovery_.parameters),
                     directory_.file_mode(data_dir + "/recovery.conf")});
  }
  if (create.empty()) remove.push_back(data_dir + "/standby.signal");
  if (!as_standby) remove.push_back(data_dir + "/recovery.conf");
  const bool password = as_standby && !recovery_.pgpass.empty();
  if (password) files.push_back({context_.pg().pgpass, recovery_.pgpass, 0600});
  const unsigned mode = directory_.file_mode(create);
  auto op = context_.on_disk(
      "write recovery files",
      [remove = std::move(remove), create, files = std::move(files),
       mode]() -> std::expected<void, std::string> {
        for (const auto& path : remove) {
          if (auto removed = blocking::remove_file(path); !removed) return removed;
        }
        for (const auto& file : files) {
          if (auto written = write_if_different(file); !written) return std::unexpected(written.error());
        }
        return create.empty() ? std::expected<void, std::string>() : touch(create, mode);
      },
      deadline);
  Result written = co_await std::move(op);
  if (written && as_standby && !recovery_.pgpass.empty()) running_recovery_.pgpass = recovery_.pgpass;
  co_return written;
}

void Configuration::set_recovery(const std::optional<Upstream>& upstream) {
  recovery_ = wanted_recovery(*context_.settings, upstream, programs_.target_version());
  for (const auto& warning : recovery_.warnings) log::warning("{}", warning);
  recovery_active_ = true;
}

void Configuration::raise(Parameters& parameters) {
  Facts& facts = context_.facts;
  if (facts.control) raised_ = raise_to_required(parameters, facts.control->required_settings);
  for (const auto& [name, configured] : raised_)
    facts.pending_restart[name] = {parameters.at(name), configured};
}

Task<std::expected<std::vector<std::string>, Failure>> Configuration::write_for_start(StartRequest request,
                                                                                      Instant deadline) {
  co_await load_known_parameters(deadline);
  Parameters parameters = valid_parameters();
  raised_.clear();
  context_.facts.pending_restart.clear();
  if ((request.as_standby || request.custom_bootstrap) && !context_.facts.control) {
    co_await control_file_.read(deadline);
  }
  if (request.custom_bootstrap) {
    parameters = co_await first_start_parameters(std::move(parameters), deadline);
  } else if (request.as_standby) {
    raise(parameters);
    set_recovery(request.upstream);
  } else {
    recovery_active_ = false;
    recovery_ = {};
  }
  auto recovering = request.custom_bootstrap ? write_first_recovery_files(deadline)
                                             : write_recovery_files(request.as_standby, deadline);
  Result recovery_written = co_await std::move(recovering);
  if (!recovery_written) co_return std::unexpected(std::move(recovery_written.error()));
  std::vector<std::string> options = command_line_options(parameters);
  auto written = co_await write_files(std::move(parameters), deadline);
  if (!written) co_return std::unexpected(Failure{written.error()});
  co_return options;
}

void Configuration::note_launch() {
  running_recovery_.parameters = recovery_.parameters;
  running_recovery_.known = true;
}

Task<std::expected<bool, Failure>> Configuration::write_for_upstream(std::optional<Upstream> upstream,
                                                                     Role role, Instant deadline) {
  const RecoverySettings before = recovery_;
  const bool active_before = recovery_active_;
  take_role(role);
  set_recovery(upstream);
  Result recovery_written = co_await write_recovery_files(true, deadline);
  if (!recovery_written) {
    recovery_ = before;
    recovery_active_ = active_before;
    co_return std::unexpected(std::move(recovery_written.error()));
  }
  co_await load_known_parameters(deadline);
  auto written = co_await write_files(parameters_of_running(), deadline);
  if (!written) co_return std::unexpected(Failure{written.error()});
  co_return *written;
}

Parameters Configuration::parameters_of_running() {
  Parameters parameters = valid_parameters();
  for (const auto& [name, configured] : raised_) {
    if (const auto as_written = written_.find(name); as_written != written_.end())
      parameters[name] = as_written->second;
  }
  return parameters;
}

void Configuration::set_standby_names(std::optional<std::string> names) {
  context_.facts.own_standby_names = std::move(names);
}

Task<Result> Configuration::recall_standby_names(Instant deadline) {
  const bool synchronous = context_.settings->dynamic.synchronous_mode != config::Dynamic::SyncMode::off;
  if (!synchronous || context_.facts.own_standby_names) co_return Result();
  auto content = co_await context_.disk.read(main_file(context_.pg()), deadline);
  // Whom commits wait for is not guessed.
  if (!content) co_return std::unexpected(Failure{std::move(content.error())});
  if (!*content) co_return Result();
  if (auto names = rendered_value(**content, kStandbyNames)) set_standby_names(std::move(names));
  co_return Result();
}

Task<std::expected<bool, Failure>> Configuration::write_for_standby_names(Role role, Instant deadline) {
  take_role(role);
  co_await load_known_parameters(deadline);
  auto written = co_await write_files(parameters_of_running(), deadline);
  if (!written) co_return std::unexpected(Failure{written.error()});
  co_return *written;
}

Task<std::expected<bool, Failure>> Configuration::write_who_is_let_in(Instant deadline) {
  narrowed_hba_.clear();
  co_await load_known_parameters(deadline);
  auto written = co_await write_files(parameters_of_running(), deadline);
  if (!written) co_return std::unexpected(Failure{written.error()});
  co_return *written;
}

Task<std::expected<bool, std::string>> Configuration::write_for_rewind(Instant deadline) {
  set_recovery(std::nullopt);
  return write_files(valid_parameters(), deadline);
}

}  // namespace tanist::postgres
