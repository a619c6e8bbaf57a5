#include <algorithm>

#include "log/log.h"
#include "postgres/files/data_directory.h"
#include "postgres/local/configuration.h"
#include "postgres/local/context.h"
#include "postgres/local/directory.h"
#include "postgres/local/programs.h"
#include "postgres/parameters/config_files.h"
#include "postgres/parameters/values.h"

TANIST_LOGGER("patroni.postgresql.config");

/// The configuration as it runs: what the server, and the files of one that was found, tell of it.
namespace tanist::postgres {

namespace {

/// From here on pg_settings says what waits for a restart.
constexpr int kHasPendingRestart = 90500;

}  // namespace

void Configuration::take_arrival(bool found, int port) {
  Facts& facts = context_.facts;
  LocalAddress& address = context_.address;
  if (found) {
    facts.settings_stale = true;
    facts.settings_role.reset();
    written_.clear();
  }
  expected_restart_.clear();
  address = local_address(*context_.settings);
  started_url_ = context_.settings->conn_url();
  facts.conn_url.clear();
  if (port == 0 || port == address.port) return;
  log::warning("PostgreSQL listens on port {}, the configuration says {}: it needs a restart", port,
               address.port);
  config::Settings moved = *context_.settings;
  if (moved.postgresql.connect_address.port == address.port) moved.postgresql.connect_address.port = port;
  address.port = port;
  started_url_ = moved.conn_url();
  facts.conn_url = started_url_;
}

RecoveryDifference Configuration::recovery_difference(const std::optional<Upstream>& upstream) const {
  const Facts& facts = context_.facts;
  if (!facts.running() || !context_.settings) return RecoveryDifference::none;
  const int version = programs_.target_version();
  // At the end of a promotion the signal file goes first: only an answer from after the look tells.
  const bool in_recovery =
      facts.probe && facts.probe->in_recovery && facts.probe->asked_at > directory_.looked_at();
  if (in_recovery && !facts.standby_signal) return RecoveryDifference::restart;
  if (!running_recovery_.known) return RecoveryDifference::none;
  const std::string conninfo = facts.probe ? facts.probe->receiver_conninfo : std::string();
  const std::string slot = facts.probe ? facts.probe->receiver_slot : std::string();
  const auto difference = compare_recovery(wanted_recovery(*context_.settings, upstream, version),
                                           running_recovery_, conninfo, slot, version);
  // The files of a standby that was found running become ours.
  const bool foreign = facts.settings_stale && version >= 120000 && in_recovery;
  return foreign ? std::max(difference, RecoveryDifference::reload) : difference;
}

void Configuration::take_recovery_files(const DataDirectorySeen& seen) {
  const bool running = context_.facts.running();
  if (running && seen.pgpass) running_recovery_.pgpass = *seen.pgpass;
  if (!running || seen.major_version >= 120000 || !seen.recovery_conf) return;
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

void Configuration::take_adopted(Parameters parameters) {
  written_ = std::move(parameters);
  // Those of these two that we write ourselves are no settings of anybody.
  for (const char* name : {"hba_file", "ident_file"}) {
    if (is_own_file(context_.pg(), written_, name)) written_.erase(name);
  }
  // Consumers of slots must not get ahead of standbys until it is known again who these are.
  if (context_.settings->dynamic.standby_slots && !context_.facts.own_standby_slots) {
    const auto slots = written_.find("synchronized_standby_slots");
    if (slots != written_.end()) context_.facts.own_standby_slots = slots->second;
  }
  const bool synchronous = context_.settings->dynamic.synchronous_mode != config::Dynamic::SyncMode::off;
  if (!synchronous || context_.facts.own_standby_names) return;
  const auto names = written_.find("synchronous_standby_names");
  set_standby_names(names == written_.end() ? std::string() : names->second);
}

void Configuration::expect_restart(std::map<std::string, PendingRestart> changes) {
  Facts& facts = context_.facts;
  expected_restart_ = std::move(changes);
  if (facts.probe && facts.probe->server_version < kHasPendingRestart) {
    auto pending = expected_restart_;
    for (const auto& [name, configured] : raised_) {
      if (const auto reason = facts.pending_restart.find(name); reason != facts.pending_restart.end())
        pending[name] = reason->second;
    }
    facts.pending_restart = std::move(pending);
  }
  note_raised();
}

/// What a standby runs with is above what was configured when it was started: it may be configured so by now,
/// or still another value.
void Configuration::note_raised() {
  auto& pending = context_.facts.pending_restart;
  for (auto raised = raised_.begin(); raised != raised_.end();) {
    const auto& name = raised->first;
    const auto reason = pending.find(name);
    const auto written = written_.find(name);
    if (reason == pending.end() || written == written_.end()) {
      ++raised;
    } else if (parse_integer(written->second, {}) == parse_integer(reason->second.old_value, {})) {
      pending.erase(reason);
      raised = raised_.erase(raised);
    } else {
      reason->second.new_value = raised->second = written->second;
      ++raised;
    }
  }
}

std::string Configuration::names_to_read(int server_version) {
  std::string names;
  if (server_version < 120000) return names;
  for (const auto& name : compared_recovery_parameters(server_version))
    names += (names.empty() ? "" : ",") + name;
  return names;
}

Task<void> Configuration::take_running(Rows rows, int server_version, Instant deadline) {
  if (server_version >= 120000) take_running_recovery(rows);
  co_await take_pending_restart(std::move(rows), server_version, deadline);
}

void Configuration::take_running_recovery(const Rows& rows) {
  Parameters running;
  Parameters ours;
  for (const auto& row : rows) {
    const std::string& name = *row[0];
    if (!is_recovery_parameter(name)) continue;
    const std::string value = row[1].value_or("");
    const bool from_us = row[3] == main_file(context_.pg());
    if (from_us) ours[name] = value;
    if (from_us || !value.empty()) running[name] = value;
  }
  // Where a parameter may come from elsewhere, only ours counts (compare_recovery).
  for (const char* optional : {"archive_cleanup_command", "promote_trigger_file", "recovery_end_command",
                               "recovery_min_apply_delay", "restore_command"}) {
    if (!ours.contains(optional)) running.erase(optional);
  }
  running_recovery_.parameters = std::move(running);
  running_recovery_.known = true;
  // An adopted standby, or one that was promoted since it started: its recovery settings are kept when its
  // files are written anew.
  if (!recovery_active_ && (context_.facts.standby_signal || !ours.empty()) && recovery_.parameters.empty()) {
    recovery_active_ = true;
    recovery_.parameters = std::move(ours);
    recovery_.pgpass = running_recovery_.pgpass;
  }
}

Task<void> Configuration::take_pending_restart(Rows rows, int server_version, Instant deadline) {
  Facts& facts = context_.facts;
  std::map<std::string, PendingRestart> pending;
  // Before version 9.5 only the comparison with what was configured tells.
  if (server_version < kHasPendingRestart) pending = expected_restart_;
  for (const auto& [name, configured] : raised_) {
    if (const auto found = facts.pending_restart.find(name); found != facts.pending_restart.end()) {
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
    const auto written = written_.find(name);
    const bool ours = written != written_.end() && same_value(vartype, unit, wanted, written->second);
    if (!ours && !expected_restart_.contains(name) && !facts.pending_restart.contains(name)) {
      log::info(
          "Changed {} from '{}' to '{}' (restart might be required), not by the configuration of this member",
          name, change.old_value, change.new_value);
    }
    pending[name] = std::move(change);
  }
  facts.pending_restart = std::move(pending);
}

}  // namespace tanist::postgres
