#include "config/sections/controlled.h"

#include <algorithm>

#include "config/addresses.h"
#include "config/validate.h"
#include "core/format.h"

namespace tanist::config {
namespace {

using Rule = Controlled::Rule;

constexpr Controlled kControlled[] = {
    {"listen_addresses", "", Rule::never},
    {"port", "", Rule::never},
    {"cluster_name", "", Rule::never},
    {"wal_level", "hot_standby", Rule::wal_level},
    {"hot_standby", "on", Rule::always_on},
    {"max_connections", "100", Rule::integer, 25},
    {"max_wal_senders", "10", Rule::integer, 3},
    {"wal_keep_segments", "8", Rule::integer, 1, false},
    {"wal_keep_size", "128MB", Rule::megabytes, 16, false},
    {"max_prepared_transactions", "0", Rule::integer, 0},
    {"max_locks_per_transaction", "64", Rule::integer, 32},
    {"track_commit_timestamp", "off", Rule::boolean},
    {"max_replication_slots", "10", Rule::integer, 4},
    {"max_worker_processes", "8", Rule::integer, 2},
    {"wal_log_hints", "on", Rule::boolean},
};

const Controlled* find_controlled(std::string_view name) {
  const auto found = std::ranges::find_if(kControlled, [&](const Controlled& c) { return c.name == name; });
  return found == std::end(kControlled) ? nullptr : &*found;
}

bool acceptable(const Controlled& parameter, const Document& value) {
  switch (parameter.rule) {
    case Rule::never: return false;
    case Rule::wal_level: {
      const std::string level = lower(value.text());
      return level == "hot_standby" || level == "replica" || level == "logical";
    }
    case Rule::always_on: return value.is_scalar() && parse_bool(value) == true;
    case Rule::boolean: return value.is_scalar() && parse_bool(value).has_value();
    case Rule::integer: {
      const auto number = parse_int(value);
      return number && *number >= parameter.min;
    }
    case Rule::megabytes: {
      const auto number = parse_int(value, "MB");
      return number && *number >= parameter.min;
    }
  }
  return false;
}

void take_dynamic(const Document::Entry& entry, std::map<std::string, std::string>& out, Problems& problems) {
  const std::string name = lower(entry.key);
  const Controlled* controlled = find_controlled(name);
  if (!controlled) {
    if (const auto text = guc_text(entry.value)) out[name] = *text;
    return;
  }
  if (acceptable(*controlled, entry.value)) {
    const auto number =
        controlled->min > 0 || controlled->rule == Rule::integer ? parse_int(entry.value) : std::nullopt;
    out[name] = number ? fmt::format("{}", *number)
                       : guc_text(entry.value).value_or(std::string(controlled->fallback));
    return;
  }
  problems.push_back(Problem{
      .severity = Severity::warning,
      .text = fmt::format("postgresql parameter {}={} failed validation, defaulting to {}", entry.key,
                          entry.value.text(), controlled->fallback.empty() ? "None" : controlled->fallback)});
}

}  // namespace

std::span<const Controlled> controlled_parameters() {
  return kControlled;
}

bool is_controlled(std::string_view name) {
  return find_controlled(lower(name)) != nullptr;
}

std::optional<std::string> refused_value(std::string_view name, const Document& value) {
  const Controlled* parameter = find_controlled(lower(name));
  if (!parameter || parameter->rule == Rule::never || value.is_null() || acceptable(*parameter, value))
    return std::nullopt;
  std::string allowed;
  switch (parameter->rule) {
    case Rule::never: break;
    case Rule::wal_level: allowed = "replica, hot_standby or logical"; break;
    case Rule::always_on: allowed = "on"; break;
    case Rule::boolean: allowed = "on or off"; break;
    case Rule::integer: allowed = fmt::format("an integer of at least {}", parameter->min); break;
    case Rule::megabytes: allowed = fmt::format("an amount of at least {}MB", parameter->min); break;
  }
  return fmt::format("given {}, allowed: {}; members would use {}", describe(value), allowed,
                     parameter->on_command_line ? parameter->fallback : "the default of PostgreSQL");
}

std::optional<std::string> guc_text(const Document& value) {
  if (!value.is_scalar() || value.is_null()) return std::nullopt;
  if (value.is_bool()) return value.as_bool() ? "on" : "off";
  return value.text();
}

std::map<std::string, std::string> merge_parameters(const Document* dynamic, const Document* local,
                                                    Problems& problems) {
  std::map<std::string, std::string> out;
  for (const auto& parameter : kControlled)
    if (parameter.rule != Rule::never && parameter.on_command_line)
      out[std::string(parameter.name)] = parameter.fallback;
  if (dynamic && dynamic->is_map())
    for (const auto& entry : dynamic->entries()) take_dynamic(entry, out, problems);
  if (local && local->is_map())
    for (const auto& entry : local->entries())
      if (const auto text = guc_text(entry.value); text && !is_controlled(entry.key))
        out[lower(entry.key)] = *text;
  return out;
}

}  // namespace tanist::config
