#include "postgres/parameters/changes.h"

#include <algorithm>
#include <optional>

#include "config/sections/controlled.h"
#include "core/format.h"
#include "postgres/parameters/values.h"

namespace tanist::postgres {
namespace {

struct Running {
  std::string setting;
  std::string vartype;
  std::string unit;
  std::string context;
  std::string source;

  std::string human() const { return human_text(setting, vartype, unit); }
  bool same(const std::string& configured) const { return same_value(vartype, unit, setting, configured); }
  /// The session that asks has a value of its own: nothing is known of the others'.
  bool of_this_session() const {
    return source == "client" || source == "session" || source == "user" || source == "database" ||
           source == "database user";
  }
};
using RunningParameters = std::map<std::string, Running, std::less<>>;

/// Asked for besides, to know what wal_buffers = -1 comes to.
constexpr std::string_view kSizes[] = {"shared_buffers", "wal_segment_size", "wal_block_size"};

RunningParameters read(const Rows& rows) {
  RunningParameters running;
  for (const auto& row : rows) {
    if (row.size() != 6 || !row[0]) continue;
    running[*row[0]] = {row[1].value_or(""), row[2].value_or(""), row[3].value_or(""), row[4].value_or(""),
                        row[5].value_or("")};
  }
  return running;
}

bool compared(std::string_view name) {
  return !is_recovery_parameter(name) && name != "hot_standby";
}

std::optional<std::string> value_of(const Parameters& parameters, const std::string& name) {
  const auto found = parameters.find(name);
  return found == parameters.end() ? std::nullopt : std::optional(found->second);
}

/// -1 means a share of shared_buffers; written out it is the same value.
bool same_wal_buffers(const RunningParameters& running, const std::optional<std::string>& configured) {
  const auto number = [&](std::string_view name) -> std::int64_t {
    const auto found = running.find(name);
    return found == running.end() ? 0 : parse_integer(found->second.setting, {}).value_or(0);
  };
  const auto found = running.find("wal_buffers");
  const auto segment = running.find("wal_segment_size");
  if (found == running.end() || segment == running.end()) return false;
  const std::int64_t block = std::max<std::int64_t>(number("wal_block_size"), 1);
  // Counted in blocks before version 11, in bytes since.
  const bool in_blocks = segment->second.unit != "B";
  const std::int64_t segment_blocks = number("wal_segment_size") / (in_blocks ? 1 : block);
  const std::int64_t standard =
      std::min(std::max<std::int64_t>(number("shared_buffers") / 32, 8), segment_blocks);
  const auto resolved = [&](const std::string& text) -> std::optional<std::int64_t> {
    const auto value = parse_integer(text, found->second.unit);
    return value && *value == -1 ? standard : value;
  };
  const auto runs = resolved(found->second.setting);
  return runs && runs == resolved(configured.value_or("-1"));
}

}  // namespace

std::vector<std::string> parameters_to_compare(const Parameters& wanted, const Parameters& previous) {
  std::vector<std::string> names;
  for (const auto& [name, value] : wanted) {
    if (compared(name)) names.push_back(name);
  }
  for (const auto& [name, value] : previous) {
    if (compared(name) && !wanted.contains(name)) names.push_back(name);
  }
  if (std::ranges::find(names, "wal_buffers") != names.end())
    names.insert(names.end(), std::begin(kSizes), std::end(kSizes));
  return names;
}

std::string running_parameters_query() {
  return "SELECT lower(name), setting, vartype, coalesce(unit, ''), context, source FROM pg_settings "
         "WHERE lower(name) = ANY (string_to_array($1, ','))";
}

ParameterChanges compare_parameters(Parameters& wanted, const Parameters& previous, const Rows& rows) {
  ParameterChanges changes;
  const RunningParameters running = read(rows);
  const auto note = [&](const std::string& name, const std::string& from, const std::string& to,
                        bool restart) {
    changes.changed = true;
    changes.lines.push_back(fmt::format("Changed {} from '{}' to '{}'{}", name, from, to,
                                        restart ? " (restart might be required)" : ""));
  };
  for (const auto& name : parameters_to_compare(wanted, previous)) {
    const auto now = value_of(wanted, name);
    const auto before = value_of(previous, name);
    if (!now && !before) continue;  // one of kSizes
    const auto found = running.find(name);
    if (found == running.end()) {
      if (name.find('.') != std::string::npos) {
        if (now != before) note(name, before.value_or(""), now.value_or(""), false);
      } else if (now) {
        changes.warnings.push_back(
            fmt::format("Removing invalid parameter `{}` from postgresql.parameters", name));
        wanted.erase(name);
      }
      continue;
    }
    const Running& seen = found->second;
    if (seen.context == "internal") continue;
    if (seen.of_this_session()) {
      if (now != before) note(name, before.value_or(""), now.value_or(""), false);
      continue;
    }
    const bool same = (now && seen.same(*now)) || (name == "wal_buffers" && same_wal_buffers(running, now));
    if (!same) {
      const bool restart = seen.context == "postmaster";
      note(name, seen.human(), now.value_or(""), restart);
      if (restart)
        changes.restart[name] = {seen.human(), human_text(now.value_or(""), seen.vartype, seen.unit)};
    } else if (now && before && !seen.same(*before) && name != "wal_buffers") {
      // Set back to what runs before it took effect.
      note(name, *before, *now, false);
    }
  }
  return changes;
}

std::string adopted_parameters_query() {
  std::string controlled;
  for (const auto& parameter : config::controlled_parameters()) {
    controlled += fmt::format("{}'{}'", controlled.empty() ? "" : ", ", parameter.name);
  }
  return "SELECT lower(name), current_setting(name) FROM pg_settings WHERE context <> 'internal' AND "
         "(source IN ('command line', 'environment variable') OR sourcefile = $1 OR name IN (" +
         controlled + "))";
}

Parameters parse_adopted_parameters(const Rows& rows) {
  Parameters parameters;
  for (const auto& row : rows) {
    if (row.size() == 2 && row[0] && compared(*row[0])) parameters[*row[0]] = row[1].value_or("");
  }
  return parameters;
}

}  // namespace tanist::postgres
