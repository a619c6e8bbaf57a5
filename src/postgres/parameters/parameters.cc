#include "postgres/parameters/parameters.h"

#include <algorithm>
#include <charconv>

#include "config/sections/controlled.h"
#include "core/document.h"
#include "core/format.h"
#include "core/text.h"
#include "postgres/parameters/config_files.h"
#include "postgres/parameters/values.h"

namespace tanist::postgres {
namespace {

struct Since {
  std::string_view name;
  int version;
};
/// Controlled parameters that old servers do not know.
constexpr Since kSince[] = {{"cluster_name", 90500},
                            {"track_commit_timestamp", 90500},
                            {"max_replication_slots", 90400},
                            {"max_worker_processes", 90400},
                            {"wal_log_hints", 90400}};

bool is_custom(std::string_view name) {
  return name.find('.') != std::string_view::npos;
}

/// Keeps the items that `check` gives a value; returns the messages.
template <class Check>
std::vector<std::string> filter(Parameters& parameters, const Check& check) {
  std::vector<std::string> messages;
  for (auto item = parameters.begin(); item != parameters.end();) {
    CheckedValue checked = check(item->first, item->second);
    if (!checked.message.empty()) messages.push_back(std::move(checked.message));
    if (checked.value) {
      item->second = std::move(*checked.value);
      ++item;
    } else {
      item = parameters.erase(item);
    }
  }
  return messages;
}

CheckedValue unexpected(const std::string& name, const std::string& value) {
  return {std::nullopt,
          fmt::format("Removing unexpected parameter={} value={} from the config", name, value)};
}

}  // namespace

config::SettingsPtr settings_for(const config::SettingsPtr& settings, Role role) {
  const auto& overlays = settings->postgresql.role_overlays;
  const auto overlay = overlays.find(std::string(overlay_name(role)));
  if (overlay == overlays.end()) return settings;
  auto result = std::make_shared<config::Settings>(*settings);
  result->postgresql.parameters = overlay->second.parameters;
  result->postgresql.pg_hba = overlay->second.pg_hba;
  result->postgresql.pg_ident = overlay->second.pg_ident;
  return result;
}

OtherParameters parse_describe_config(std::string_view text, int version) {
  OtherParameters others;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const auto tab = line.find('\t');
    if (tab == std::string_view::npos) continue;
    std::string name = lower(line.substr(0, tab));
    if (!parameter_rule(name, version)) others.insert(std::move(name));
  }
  return others;
}

bool needs_description(const Parameters& parameters, int version) {
  return std::ranges::any_of(parameters, [&](const auto& item) {
    return !is_custom(item.first) && !is_recovery_parameter(item.first) &&
           !parameter_rule(item.first, version);
  });
}

std::vector<std::string> remove_invalid(Parameters& parameters, const OtherParameters* others, int version) {
  return filter(parameters, [&](const std::string& name, const std::string& value) -> CheckedValue {
    const auto rule = parameter_rule(name, version);
    if (rule) {
      CheckedValue checked = check_value(name, value, *rule);
      // Fractions of whole numbers came with version 12.
      const bool fraction = version < 120000 && rule->type == ParameterRule::Type::integer && checked.value &&
                            checked.value->find_first_of(".eE") != std::string::npos &&
                            !checked.value->starts_with("0x");
      if (fraction) checked.value = std::to_string(parse_integer(*checked.value, rule->unit).value_or(0));
      return checked;
    }
    if (is_custom(name) || (others != nullptr && others->contains(name))) return {value, {}};
    return unexpected(name, value);
  });
}

std::vector<std::string> remove_invalid_recovery(Parameters& parameters, int version) {
  return filter(parameters, [&](const std::string& name, const std::string& value) -> CheckedValue {
    const auto rule = recovery_parameter_rule(name, version);
    return rule ? check_value(name, value, *rule) : unexpected(name, value);
  });
}

Parameters effective_parameters(const config::Settings& settings, int version) {
  const auto& postgresql = settings.postgresql;
  Parameters parameters;
  for (const auto& [name, value] : postgresql.parameters) parameters[lower(name)] = value;
  parameters["listen_addresses"] = postgresql.listen_addresses;
  parameters["port"] = std::to_string(postgresql.port);
  parameters["cluster_name"] = settings.scope;
  std::erase_if(parameters, [](const auto& item) { return is_recovery_parameter(item.first); });
  auto& wal_level = parameters.try_emplace("wal_level", "replica").first->second;
  if (version >= 90600 && lower(wal_level) == "hot_standby") wal_level = "replica";
  if (version < 90600 && lower(wal_level) == "replica") wal_level = "hot_standby";
  translate_wal_keep(parameters, version);
  for (const auto& [name, since] : kSince) {
    if (version < since) parameters.erase(std::string(name));
  }
  const std::string& directory = postgresql.config_dir.empty() ? postgresql.data_dir : postgresql.config_dir;
  for (const char* name : {"hba_file", "ident_file"}) {
    if (const auto found = parameters.find(name); found != parameters.end())
      found->second = resolve_path(directory, found->second);
  }
  return parameters;
}

void translate_wal_keep(Parameters& parameters, int version) {
  const auto segments = parameters.find("wal_keep_segments");
  const auto size = parameters.find("wal_keep_size");
  if (version >= 130000) {
    if (size == parameters.end()) {
      const auto count =
          segments == parameters.end() ? std::optional<std::int64_t>(8) : parse_integer(segments->second, {});
      parameters["wal_keep_size"] = fmt::format("{}MB", count.value_or(8) * 16);
    }
    parameters.erase("wal_keep_segments");
  } else {
    if (segments == parameters.end()) {
      const auto megabytes =
          size == parameters.end() ? std::optional<std::int64_t>(128) : parse_integer(size->second, "MB");
      parameters["wal_keep_segments"] = std::to_string((megabytes.value_or(128) + 8) / 16);
    }
    parameters.erase("wal_keep_size");
  }
}

std::vector<std::string> command_line_options(const Parameters& parameters) {
  std::vector<std::string> options;
  for (const auto& controlled : config::controlled_parameters()) {
    const auto found = parameters.find(std::string(controlled.name));
    if (!controlled.on_command_line || found == parameters.end()) continue;
    options.push_back(fmt::format("--{}={}", controlled.name, found->second));
  }
  return options;
}

Parameters raise_to_required(Parameters& parameters, const std::map<std::string, std::int64_t>& required) {
  Parameters raised;
  for (const auto& [name, least] : required) {
    auto found = parameters.find(name);
    if (found == parameters.end()) continue;
    const auto configured = parse_integer(found->second, {});
    if (!configured || *configured >= least) continue;
    raised[name] = found->second;
    found->second = std::to_string(least);
  }
  return raised;
}

int parse_binary_version(std::string_view text) {
  constexpr std::string_view kMark = "(PostgreSQL) ";
  const auto at = text.find(kMark);
  if (at == std::string_view::npos) return 0;
  text.remove_prefix(at + kMark.size());
  int numbers[3] = {0, 0, 0};
  for (int& number : numbers) {
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
    if (parsed.ec != std::errc()) break;
    text.remove_prefix(static_cast<std::size_t>(parsed.ptr - text.data()));
    if (!text.starts_with('.')) break;
    text.remove_prefix(1);
  }
  if (numbers[0] >= 10) return numbers[0] * 10000 + numbers[1];
  return numbers[0] * 10000 + numbers[1] * 100 + numbers[2];
}

}  // namespace tanist::postgres
