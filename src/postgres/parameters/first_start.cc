#include "postgres/parameters/first_start.h"

#include "core/document.h"
#include "core/format.h"
#include "core/text.h"
#include "postgres/parameters/table.h"

namespace tanist::postgres {
namespace {

bool means_true(const std::string& text) {
  return parse_bool(Document(text)).value_or(false);
}

std::string quoted_user(const std::string& user) {
  return user.empty() ? "all" : "\"" + user + "\"";
}

}  // namespace

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
      parameters.try_emplace("recovery_target_action", means_true(pause.mapped()) ? "pause" : "promote");
  } else if (auto action = parameters.extract("recovery_target_action")) {
    if (action.mapped() == "promote") parameters.try_emplace("pause_at_recovery_target", "false");
  }
  if (version < 100000) parameters.erase("recovery_target_lsn");
  return parameters;
}

bool is_standby(const Parameters& recovery) {
  const auto mode = recovery.find("standby_mode");
  return mode != recovery.end() && means_true(mode->second);
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
      {"replication", quoted_user(postgresql.accounts.replication.username)},
      {"all", quoted_user(postgresql.accounts.superuser.username)}};
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

}  // namespace tanist::postgres
