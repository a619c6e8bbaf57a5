#include <signal.h>

#include <algorithm>

#include "async/wait.h"
#include "log/log.h"
#include "postgres/files/control_data.h"
#include "postgres/local/local_server.h"
#include "postgres/parameters/config_files.h"
#include "postgres/parameters/values.h"

TANIST_LOGGER("patroni.postgresql.config");

/// New settings for a running server.
namespace tanist::postgres {

using namespace std::chrono_literals;

namespace {
/// How long a reload may take to show in a session.
constexpr Duration kReloadBudget = 1s;
constexpr Duration kReloadLook = 20ms;
constexpr Duration kCompareBudget = 5s;
constexpr Duration kResumeBudget = 10s;
/// From here on pg_settings says what waits for a restart.
constexpr int kHasPendingRestart = 90500;

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "" : ",") + name;
  return text;
}
}  // namespace

void LocalServer::take_settings(config::SettingsPtr settings, Role role) {
  configured_ = std::move(settings);
  role_ = role;
  context_.settings = settings_for(configured_, role);
  if (!facts_.running()) return;
  const LocalAddress wanted = local_address(*context_.settings);
  const bool moved =
      wanted.listen_addresses != context_.address.listen_addresses || wanted.port != context_.address.port;
  if (!moved) started_url_ = context_.settings->conn_url();
  facts_.conn_url = moved ? started_url_ : std::string();
}

/// What starts, or was found running (`port` as its pid file says, 0: as the settings say), listens here.
void LocalServer::note_address(int port) {
  context_.address = local_address(*context_.settings);
  started_url_ = context_.settings->conn_url();
  facts_.conn_url.clear();
  if (port == 0 || port == context_.address.port) return;
  log::warning("PostgreSQL listens on port {}, the configuration says {}: it needs a restart", port,
               context_.address.port);
  config::Settings moved = *context_.settings;
  if (moved.postgresql.connect_address.port == context_.address.port)
    moved.postgresql.connect_address.port = port;
  context_.address.port = port;
  started_url_ = moved.conn_url();
  facts_.conn_url = started_url_;
}

RecoveryDifference LocalServer::recovery_difference(const std::optional<Upstream>& upstream, Role) const {
  if (!facts_.running() || !context_.settings) return RecoveryDifference::none;
  const int version = programs_.target_version();
  // At the end of a promotion the signal file goes first: only an answer from after the look tells.
  const bool in_recovery =
      facts_.probe && facts_.probe->in_recovery && facts_.probe->asked_at > directory_.looked_at();
  if (in_recovery && !facts_.standby_signal) return RecoveryDifference::restart;
  if (!running_recovery_.known) return RecoveryDifference::none;
  const std::string conninfo = facts_.probe ? facts_.probe->receiver_conninfo : std::string();
  const std::string slot = facts_.probe ? facts_.probe->receiver_slot : std::string();
  const auto difference = compare_recovery(wanted_recovery(*context_.settings, upstream, version),
                                           running_recovery_, conninfo, slot, version);
  // The files of a standby that was found running become ours.
  const bool foreign = facts_.settings_role == Role::uninitialized && version >= 120000 && in_recovery;
  return foreign ? std::max(difference, RecoveryDifference::reload) : difference;
}

Task<Result> LocalServer::apply(config::SettingsPtr settings, Role role, bool force, Instant deadline) {
  take_settings(std::move(settings), role);
  if (custom_bootstrapping_) {
    log::info("Skipping PostgreSQL configuration update while in custom bootstrap.");
    co_return Result();
  }
  // A stopped server gets its files when it is started.
  if (!facts_.running() || facts_.data_directory != DataDirectory::ok) co_return Result();
  Result applied = co_await apply_to_running(role, force, deadline);
  // What could not be written is not what was asked for: the engine asks again.
  if (!applied) facts_.settings_role = Role::uninitialized;
  co_return applied;
}

Task<Result> LocalServer::apply_to_running(Role role, bool force, Instant deadline) {
  if (facts_.standby_signal && !recovery_active_) {
    // Files written without knowing the recovery settings of an adopted standby would cut it off from its
    // source.
    co_await refresh(Duration::zero(), deadline);
    const bool in_recovery = !facts_.probe || facts_.probe->in_recovery;
    if (in_recovery && !recovery_active_) {
      co_return std::unexpected(Failure{"new settings wait until PostgreSQL tells its recovery settings"});
    }
  }
  if (written_parameters_.empty() && facts_.accepts()) {
    co_await load_adopted_parameters(deadline);
  }
  co_await load_known_parameters(deadline);
  Parameters parameters = valid_parameters();
  ParameterChanges changes;
  if (facts_.accepts()) {
    changes = co_await compare_with_running(parameters, std::min(deadline, clock_.now() + kCompareBudget));
  }
  auto written = co_await write_files(std::move(parameters), deadline);
  if (!written) co_return std::unexpected(Failure{written.error()});
  for (const auto& line : changes.lines) log::info("{}", line);
  expected_restart_ = std::move(changes.restart);
  if (facts_.probe && facts_.probe->server_version < kHasPendingRestart) {
    auto pending = expected_restart_;
    for (const auto& [name, configured] : raised_) {
      if (const auto reason = facts_.pending_restart.find(name); reason != facts_.pending_restart.end())
        pending[name] = reason->second;
    }
    facts_.pending_restart = std::move(pending);
  }
  note_raised();
  if (!written->changed && !changes.changed && !force) {
    log::info("No PostgreSQL configuration items changed, nothing to reload.");
    co_return Result();
  }
  Result reloaded = co_await reload(role, true, deadline);
  if (reloaded && facts_.accepts()) {
    co_await tell_refused_lines(deadline);
  }
  co_return reloaded;
}

/// A list of rules with one bad line is refused as a whole, and only the server's log says so.
Task<void> LocalServer::tell_refused_lines(Instant deadline) {
  const int version = programs_.exact_version();
  if (version < 100000) co_return;
  std::string sql = "SELECT 'pg_hba.conf', line_number, error FROM pg_hba_file_rules WHERE error IS NOT NULL";
  if (version >= 150000)
    sql +=
        " UNION ALL SELECT 'pg_ident.conf', line_number, error FROM pg_ident_file_mappings WHERE error IS "
        "NOT NULL";
  auto asking = work_.query(std::move(sql), {}, std::min(deadline, clock_.now() + kCompareBudget));
  auto rows = co_await std::move(asking);
  if (!rows) co_return;
  for (const auto& row : *rows) {
    log::error("PostgreSQL refuses line {} of {} and keeps the rules that it had: {}", row[1].value_or("?"),
               row[0].value_or(""), row[2].value_or(""));
  }
}

/// A server that was found running: what it was given counts as written before (postgres.md §20).
Task<void> LocalServer::load_adopted_parameters(Instant deadline) {
  auto asking = work_.query(adopted_parameters_query(), {main_file(context_.pg())},
                            std::min(deadline, clock_.now() + kCompareBudget));
  auto rows = co_await std::move(asking);
  if (!rows) {
    log::warning("could not read what PostgreSQL was started with: {}", rows.error().detail);
    co_return;
  }
  written_parameters_ = parse_adopted_parameters(*rows);
  // Those of these two that we write ourselves are no settings of anybody.
  for (const char* name : {"hba_file", "ident_file"}) {
    if (is_own_file(context_.pg(), written_parameters_, name)) written_parameters_.erase(name);
  }
}

/// `wanted` outlives the call: it is the caller's own, who awaits it.
Task<ParameterChanges> LocalServer::compare_with_running(Parameters& wanted, Instant deadline) {
  std::string names = joined(parameters_to_compare(wanted, written_parameters_));
  auto asking = work_.query(running_parameters_query(), {std::move(names)}, deadline);
  auto rows = co_await std::move(asking);
  if (!rows) {
    log::warning("could not compare the settings with those that run: {}", rows.error().detail);
    co_return ParameterChanges();
  }
  ParameterChanges changes = compare_parameters(wanted, written_parameters_, *rows);
  for (const auto& warning : changes.warnings) log::warning("{}", warning);
  co_return changes;
}

Task<Result> LocalServer::reload(Role role, bool callback, Instant deadline) {
  if (!postmaster_.signal(SIGHUP)) {
    co_return std::unexpected(Failure{"could not reload PostgreSQL: it does not run"});
  }
  log::info("Reloading PostgreSQL configuration.");
  const std::string before = conf_load_time_;
  co_await wait_reloaded(before, std::min(deadline, clock_.now() + kReloadBudget));
  if (callback) scripts_.run_callback("on_reload", role);
  co_return Result();
}

/// Until the monitor's session has read the files anew (it then reads what runs, and what waits for a
/// restart).
Task<void> LocalServer::wait_reloaded(std::string before, Instant deadline) {
  while (facts_.running() && facts_.accepting == Accepting::accepting && settings_read_for_ == before) {
    co_await clock_.sleep_for(kReloadLook);
    co_await refresh(Duration::zero(), deadline);
    if (clock_.now() >= deadline) co_return;
  }
}

Task<Result> LocalServer::follow_by_reload(std::optional<Upstream> upstream, Role role, Instant deadline) {
  if (!facts_.running()) co_return std::unexpected(Failure{"could not follow: PostgreSQL does not run"});
  const RecoverySettings before = recovery_;
  const bool active_before = recovery_active_;
  take_settings(configured_, role);
  set_recovery(upstream);
  Result recovery_written = co_await write_recovery_files(true, deadline);
  if (!recovery_written) {
    recovery_ = before;
    recovery_active_ = active_before;
    co_return recovery_written;
  }
  co_await load_known_parameters(deadline);
  Parameters parameters = valid_parameters();
  for (const auto& [name, configured] : raised_) {
    if (const auto as_written = written_parameters_.find(name); as_written != written_parameters_.end()) {
      parameters[name] = as_written->second;
    }
  }
  auto written = co_await write_files(std::move(parameters), deadline);
  if (!written) co_return std::unexpected(Failure{written.error()});
  if (!written->changed) co_return Result();
  Result reloaded = co_await reload(role, true, deadline);
  co_return reloaded;
}

/// What a standby runs with is above what was configured when it was started: it may be configured so by now,
/// or still another value.
void LocalServer::note_raised() {
  for (auto raised = raised_.begin(); raised != raised_.end();) {
    const auto& name = raised->first;
    const auto reason = facts_.pending_restart.find(name);
    const auto written = written_parameters_.find(name);
    if (reason == facts_.pending_restart.end() || written == written_parameters_.end()) {
      ++raised;
    } else if (parse_integer(written->second, {}) == parse_integer(reason->second.old_value, {})) {
      facts_.pending_restart.erase(reason);
      raised = raised_.erase(raised);
    } else {
      reason->second.new_value = raised->second = written->second;
      ++raised;
    }
  }
}

/// After each start and reload, whoever asked for it.
Task<void> LocalServer::read_pending_restart(Rows rows, Instant deadline) {
  std::map<std::string, PendingRestart> pending;
  // Before version 9.5 only the comparison with what was configured tells.
  if (monitor_connection_.server_version() < kHasPendingRestart) pending = expected_restart_;
  for (const auto& [name, configured] : raised_) {
    if (const auto found = facts_.pending_restart.find(name); found != facts_.pending_restart.end()) {
      pending[name] = found->second;
    }
  }
  for (const auto& row : rows) {
    const std::string& name = *row[0];
    if (row[4] != "t" || is_recovery_parameter(name) || name == "hot_standby") continue;
    const std::string unit = row[2].value_or("");
    const std::string vartype = row[5].value_or("");
    // What the files say in the end: ALTER SYSTEM may have the last word.
    const std::string wanted = co_await programs_.parameter(name, deadline);
    PendingRestart change{human_text(row[1].value_or(""), vartype, unit), human_text(wanted, vartype, unit)};
    const auto written = written_parameters_.find(name);
    const bool ours =
        written != written_parameters_.end() && same_value(vartype, unit, wanted, written->second);
    if (!ours && !expected_restart_.contains(name) && !facts_.pending_restart.contains(name)) {
      log::info(
          "Changed {} from '{}' to '{}' (restart might be required), not by the configuration of this member",
          name, change.old_value, change.new_value);
    }
    pending[name] = std::move(change);
  }
  facts_.pending_restart = std::move(pending);
}

/// What the password file holds counts at the next connection. recovery.conf is the only witness of what a
/// server before 12 was started with.
void LocalServer::take_recovery_files(const DataDirectorySeen& seen) {
  if (facts_.running() && seen.pgpass) running_recovery_.pgpass = *seen.pgpass;
  if (!facts_.running() || seen.major_version >= 120000 || !seen.recovery_conf) return;
  if (running_recovery_.known && recovery_conf_seen_ == seen.recovery_conf) return;
  recovery_conf_seen_ = seen.recovery_conf;
  auto parameters = parse_recovery_conf(*seen.recovery_conf);
  if (!parameters)
    log::warning("recovery.conf in \"{}\" cannot be read: it will be written anew", context_.pg().data_dir);
  running_recovery_.parameters = parameters ? std::move(*parameters) : Parameters{{"standby_mode", "off"}};
  running_recovery_.known = true;
  if (!recovery_active_ && recovery_.parameters.empty()) {
    recovery_active_ = true;
    recovery_.parameters = running_recovery_.parameters;
  }
}

/// From 14 on a standby pauses when the primary has grown beyond it; resumed it stops, and is started with
/// what it needs. A pause that an administrator wanted has no such reason, and stays.
Task<void> LocalServer::resume_replay() {
  const Instant deadline = clock_.now() + kResumeBudget;
  auto running = programs_.ask({programs_.path("pg_controldata"), context_.pg().data_dir}, deadline);
  auto finished = co_await std::move(running);
  const auto control = finished && finished->success() ? parse_control_data(finished->out) : std::nullopt;
  if (!control) co_return;
  std::vector<std::string> names;
  for (const auto& [name, least] : control->required_settings) names.push_back(name);
  auto asking = work_.query(running_parameters_query(), {joined(names)}, deadline);
  auto rows = co_await std::move(asking);
  if (!rows) co_return;
  std::string short_of;
  for (const auto& row : *rows) {
    const auto setting = row.size() > 1 ? parse_integer(row[1].value_or(""), {}) : std::nullopt;
    const auto least = control->required_settings.find(row[0].value_or(""));
    if (!setting || least == control->required_settings.end() || *setting >= least->second) continue;
    short_of += fmt::format("{}{} = {}, {} is needed", short_of.empty() ? "" : "; ", least->first, *setting,
                            least->second);
  }
  if (short_of.empty()) co_return;
  log::warning(
      "WAL replay is paused because the primary has larger settings than this standby ({}): resuming it, "
      "PostgreSQL stops and is started with them",
      short_of);
  auto resuming = work_.query("SELECT pg_wal_replay_resume()", {}, deadline);
  auto resumed = co_await std::move(resuming);
  if (!resumed) log::warning("could not resume WAL replay: {}", resumed.error().detail);
}

}  // namespace tanist::postgres
