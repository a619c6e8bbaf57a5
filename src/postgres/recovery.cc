#include "postgres/recovery.h"

#include <algorithm>

#include "core/document.h"

namespace tanist::postgres {
namespace {

struct Compared {
  std::string_view name;
  /// Versions that know it.
  int from = 0;
  int till = 1000000;
  /// From this version on a reload is enough; 0: always.
  int reloadable_from = 120000;
  /// Counts as equal when it is not wanted and not set by us.
  bool optional = false;
};
constexpr Compared kCompared[] = {
    {.name = "archive_cleanup_command", .optional = true},
    {.name = "primary_conninfo", .reloadable_from = 130000},
    {.name = "primary_slot_name", .from = 90400, .reloadable_from = 130000},
    {.name = "promote_trigger_file", .from = 120000, .till = 160000, .optional = true},
    {.name = "recovery_end_command", .optional = true},
    {.name = "recovery_min_apply_delay", .from = 90400, .optional = true},
    {.name = "recovery_target", .reloadable_from = 1000000},
    {.name = "recovery_target_lsn", .from = 100000, .reloadable_from = 1000000},
    {.name = "recovery_target_name", .reloadable_from = 1000000},
    {.name = "recovery_target_time", .reloadable_from = 1000000},
    {.name = "recovery_target_timeline", .reloadable_from = 1000000},
    {.name = "recovery_target_xid", .reloadable_from = 1000000},
    {.name = "restore_command", .reloadable_from = 140000, .optional = true},
};

std::string value_of(const Parameters& parameters, const std::string& name) {
  const auto found = parameters.find(name);
  return found == parameters.end() ? std::string() : found->second;
}

std::string with_default(const ConnectionParameters& parameters, const std::string& name) {
  const std::string value = value_of(parameters, name);
  if (!value.empty()) return value;
  if (name == "sslmode" || name == "gssencmode" || name == "channel_binding") return "prefer";
  if (name == "sslnegotiation") return "postgres";
  return value;
}

bool equal_values(const std::string& name, const std::string& wanted, const std::string& running) {
  if (name == "recovery_min_apply_delay") {
    const auto a = parse_int(Document(wanted.empty() ? std::string("0") : wanted), "ms");
    const auto b = parse_int(Document(running.empty() ? std::string("0") : running), "ms");
    return a == b;
  }
  if (name == "recovery_target_timeline")
    return (wanted.empty() ? "latest" : wanted) == (running.empty() ? "latest" : running);
  return wanted == running;
}

}  // namespace

RecoverySettings wanted_recovery(const config::Settings& settings, const std::optional<Upstream>& upstream,
                                 int version) {
  RecoverySettings wanted;
  auto& parameters = wanted.parameters;
  // Recovery parameters among `parameters` replace `recovery_conf` as a whole.
  for (const auto& [name, value] : settings.postgresql.parameters) {
    if (is_recovery_parameter(name)) parameters[name] = value;
  }
  if (parameters.empty())
    parameters.insert(settings.postgresql.recovery_conf.begin(), settings.postgresql.recovery_conf.end());
  const auto rename = [&](const std::string& from, const std::string& to) {
    if (auto node = parameters.extract(from)) parameters.try_emplace(to, node.mapped());
  };
  if (version >= 120000) {
    rename("trigger_file", "promote_trigger_file");
  } else {
    rename("promote_trigger_file", "trigger_file");
  }
  if (version >= 160000) parameters.erase("promote_trigger_file");
  std::erase_if(parameters, [](const auto& item) {
    return item.first.starts_with("recovery_target") || item.first == "primary_conninfo" ||
           item.first == "primary_slot_name" || item.first == "standby_mode" ||
           item.first == "pause_at_recovery_target";
  });

  parameters["recovery_target_timeline"] = "latest";
  if (version >= 120000) {
    // An included file of the user may hold a target, which would end the standby's life.
    for (const char* target : {"recovery_target", "recovery_target_name", "recovery_target_time",
                               "recovery_target_xid", "recovery_target_lsn"}) {
      parameters[target] = "";
    }
  } else {
    parameters["standby_mode"] = "on";
  }
  if (!upstream || upstream->host.empty()) return wanted;
  ConnectionParameters connection = upstream_parameters(settings, *upstream, version);
  wanted.pgpass = pgpass_content(connection);
  if (version >= 100000 && !wanted.pgpass.empty() && !settings.postgresql.pgpass.empty()) {
    connection.erase("password");
    connection["passfile"] = settings.postgresql.pgpass;
  }
  parameters["primary_conninfo"] = render_conninfo(connection, version);
  if (!upstream->slot.empty() && version >= 90400) parameters["primary_slot_name"] = upstream->slot;
  return wanted;
}

bool same_connection(const ConnectionParameters& wanted, const ConnectionParameters& running, int version) {
  for (const auto& [name, value] : wanted) {
    if (name == "password" || (name == "dbname" && version < 170000)) continue;
    if (with_default(running, name) != value) return false;
  }
  return true;
}

RecoveryDifference compare_recovery(const RecoverySettings& wanted, const RunningRecovery& running,
                                    const std::string& receiver_conninfo, const std::string& receiver_slot,
                                    int version) {
  auto difference = RecoveryDifference::none;
  const auto note = [&](const Compared& compared) {
    const bool reload = version >= 120000 && version >= compared.reloadable_from;
    difference = std::max(difference, reload ? RecoveryDifference::reload : RecoveryDifference::restart);
  };
  const std::string wanted_conninfo = value_of(wanted.parameters, "primary_conninfo");
  for (const auto& compared : kCompared) {
    const std::string name(compared.name);
    if (version < compared.from || version >= compared.till) continue;
    const std::string want = value_of(wanted.parameters, name);
    std::string have = value_of(running.parameters, name);
    if (name == "primary_conninfo") {
      auto connection = parse_conninfo(have);
      if (!receiver_conninfo.empty()) {
        // The receiver hides the password and always names a database of its own.
        auto seen = parse_conninfo(receiver_conninfo);
        seen.erase("password");
        seen["dbname"] = value_of(connection, "dbname");
        connection = std::move(seen);
      }
      if (want.empty() && have.empty()) continue;
      const bool same_password = wanted.pgpass.empty() || running.pgpass == wanted.pgpass;
      if (want.empty() || connection.empty() || !same_password ||
          !same_connection(parse_conninfo(want), connection, version)) {
        note(compared);
      }
    } else if (name == "primary_slot_name") {
      if (wanted_conninfo.empty()) continue;
      if (!receiver_conninfo.empty()) have = receiver_slot;
      if (want != have) note(compared);
    } else if (compared.optional && want.empty() && !running.parameters.contains(name)) {
      continue;
    } else if (!equal_values(name, want, have)) {
      note(compared);
    }
  }
  return difference;
}

std::vector<std::string> compared_recovery_parameters(int version) {
  std::vector<std::string> names;
  for (const auto& compared : kCompared) {
    if (version >= compared.from && version < compared.till) names.emplace_back(compared.name);
  }
  return names;
}

}  // namespace tanist::postgres
