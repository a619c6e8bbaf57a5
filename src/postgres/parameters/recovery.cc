#include "postgres/parameters/recovery.h"

#include <algorithm>
#include <set>

#include "core/document.h"
#include "postgres/parameters/values.h"

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
    {.name = "trigger_file", .till = 120000},
};

std::string text_of(const Parameters& parameters, const std::string& name) {
  const auto found = parameters.find(name);
  return found == parameters.end() ? std::string() : found->second;
}

std::string with_default(const ConnectionParameters& parameters, const std::string& name) {
  const std::string value = text_of(parameters, name);
  if (!value.empty()) return value;
  if (name == "sslmode" || name == "gssencmode" || name == "channel_binding") return "prefer";
  if (name == "sslnegotiation") return "postgres";
  return value;
}

bool equal_values(const std::string& name, const std::string& wanted, const std::string& running) {
  if (name == "recovery_min_apply_delay")
    return parse_integer(wanted.empty() ? "0" : wanted, "ms") ==
           parse_integer(running.empty() ? "0" : running, "ms");
  if (name == "recovery_target_timeline")
    return (wanted.empty() ? "latest" : wanted) == (running.empty() ? "latest" : running);
  return wanted == running;
}

/// postgres.md §16: what a standby cluster has of another one's archive, above what is configured for its
/// members.
void follow_archive(const config::StandbyCluster& remote, const std::optional<Upstream>& upstream,
                    Parameters& parameters) {
  if (!remote.restore_command.empty()) parameters["restore_command"] = remote.restore_command;
  if (!remote.archive_cleanup_command.empty())
    parameters["archive_cleanup_command"] = remote.archive_cleanup_command;
  // Those who stream from the standby leader get what it has received, not what it has replayed.
  if (upstream && upstream->remote && !remote.recovery_min_apply_delay.empty())
    parameters["recovery_min_apply_delay"] = remote.recovery_min_apply_delay;
}

}  // namespace

Parameters translate_recovery(Parameters parameters, int version) {
  const auto take = [&](const std::string& name) -> std::optional<std::string> {
    auto node = parameters.extract(name);
    return node ? std::optional(std::move(node.mapped())) : std::nullopt;
  };
  const bool twelve = version >= 120000;
  if (auto file = take(twelve ? "trigger_file" : "promote_trigger_file"); file && version < 160000)
    parameters.try_emplace(twelve ? "promote_trigger_file" : "trigger_file", *file);
  if (version >= 160000) parameters.erase("promote_trigger_file");
  if (version >= 90500) {
    if (const auto pause = take("pause_at_recovery_target")) {
      const auto truth = parse_bool(Document(*pause));
      if (truth) parameters.try_emplace("recovery_target_action", *truth ? "pause" : "promote");
    }
  } else if (const auto action = take("recovery_target_action"); action && *action == "promote") {
    parameters.try_emplace("pause_at_recovery_target", "false");
  }
  return parameters;
}

RecoverySettings wanted_recovery(const config::Settings& settings, const std::optional<Upstream>& upstream,
                                 int version) {
  RecoverySettings wanted;
  auto& parameters = wanted.parameters;
  // Recovery parameters among `parameters` replace `recovery_conf` as a whole.
  for (const auto& [name, value] : settings.postgresql.parameters) {
    if (is_recovery_parameter(name)) parameters[name] = value;
  }
  if (parameters.empty()) {
    for (const auto& [name, value] : settings.postgresql.recovery_conf) {
      std::string lower = name;
      std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return std::tolower(c); });
      parameters[lower] = value;
    }
  }
  if (settings.dynamic.standby_cluster) follow_archive(settings.dynamic.remote, upstream, parameters);
  parameters = translate_recovery(std::move(parameters), version);
  std::erase_if(parameters, [](const auto& item) {
    return item.first.starts_with("recovery_target") || item.first == "primary_conninfo" ||
           item.first == "primary_slot_name" || item.first == "standby_mode" ||
           item.first == "pause_at_recovery_target";
  });
  wanted.warnings = remove_invalid_recovery(parameters, version);

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

namespace {

std::set<std::string_view> lines_of(std::string_view text) {
  std::set<std::string_view> lines;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    if (end > 0) lines.insert(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

/// From version 10 on the password stands in the password file.
bool same_passwords(const RecoverySettings& wanted, const RunningRecovery& running, int version) {
  if (wanted.pgpass.empty()) return true;
  if (version >= 100000) return lines_of(wanted.pgpass) == lines_of(running.pgpass);
  const auto password = [](const Parameters& parameters) {
    return text_of(parse_conninfo(text_of(parameters, "primary_conninfo")), "password");
  };
  return password(wanted.parameters) == password(running.parameters);
}

}  // namespace

RecoveryDifference compare_recovery(const RecoverySettings& wanted, const RunningRecovery& running,
                                    const std::string& receiver_conninfo, const std::string& receiver_slot,
                                    int version) {
  auto difference = RecoveryDifference::none;
  const auto note = [&](const Compared& compared) {
    const bool reload = version >= 120000 && version >= compared.reloadable_from;
    difference = std::max(difference, reload ? RecoveryDifference::reload : RecoveryDifference::restart);
  };
  const std::string wanted_conninfo = text_of(wanted.parameters, "primary_conninfo");
  if (version < 120000) {
    const auto mode = running.parameters.find("standby_mode");
    if (mode != running.parameters.end() && parse_bool(Document(mode->second)) != true)
      return RecoveryDifference::restart;
  }
  for (const auto& compared : kCompared) {
    const std::string name(compared.name);
    if (version < compared.from || version >= compared.till) continue;
    const std::string want = text_of(wanted.parameters, name);
    std::string have = text_of(running.parameters, name);
    if (name == "primary_conninfo") {
      auto connection = parse_conninfo(have);
      if (!receiver_conninfo.empty()) {
        // The receiver hides the password and always names a database of its own.
        auto seen = parse_conninfo(receiver_conninfo);
        seen.erase("password");
        seen["dbname"] = text_of(connection, "dbname");
        connection = std::move(seen);
      }
      if (want.empty() && have.empty()) continue;
      const bool same_password = same_passwords(wanted, running, version);
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
