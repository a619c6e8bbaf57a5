#include "postgres/parameters.h"

#include <algorithm>
#include <charconv>

#include "config/controlled.h"
#include "core/document.h"
#include "core/format.h"

namespace tanist::postgres {
namespace {

std::string lower(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), [](unsigned char c) { return std::tolower(c); });
  return result;
}

constexpr std::string_view kRecoveryParameters[] = {
    "archive_cleanup_command",
    "pause_at_recovery_target",
    "primary_conninfo",
    "primary_slot_name",
    "promote_trigger_file",
    "recovery_end_command",
    "recovery_min_apply_delay",
    "recovery_target",
    "recovery_target_action",
    "recovery_target_inclusive",
    "recovery_target_lsn",
    "recovery_target_name",
    "recovery_target_time",
    "recovery_target_timeline",
    "recovery_target_xid",
    "restore_command",
    "standby_mode",
    "trigger_file",
};

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

struct Undescribed {
  std::string_view name;
  int from = 0;
  int till = 1000000;
};
/// Developers' parameters that a server knows and `--describe-config` does not tell.
constexpr Undescribed kUndescribed[] = {
    {"allow_in_place_tablespaces", 150000},
    {"allow_system_table_mods"},
    {"application_name"},
    {"backtrace_functions", 130000},
    {"debug_discard_caches", 140000},
    {"debug_parallel_query", 160000},
    {"force_parallel_mode", 90600, 160000},
    {"ignore_checksum_failure"},
    {"ignore_invalid_pages", 130000},
    {"ignore_system_indexes"},
    {"jit_debugging_support", 110000},
    {"jit_dump_bitcode", 110000},
    {"jit_expressions", 110000},
    {"jit_profiling_support", 110000},
    {"jit_tuple_deforming", 110000},
    {"post_auth_delay"},
    {"pre_auth_delay"},
    {"remove_temp_files_after_crash", 140000},
    {"trace_notify"},
    {"trace_recovery_messages", 0, 170000},
    {"trace_sort"},
    {"wal_consistency_checking", 100000},
    {"zero_damaged_pages"},
};

bool is_undescribed(std::string_view name, int version) {
  return std::ranges::any_of(kUndescribed, [&](const Undescribed& known) {
    return known.name == name && version >= known.from && version < known.till;
  });
}

/// A number with an optional unit, as PostgreSQL reads one; the unit is not judged.
bool looks_like_number(std::string_view text) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  if (!text.empty() && (text.front() == '-' || text.front() == '+')) text.remove_prefix(1);
  if (text.empty() || (!is_digit(text.front()) && text.front() != '.')) return false;
  if (text.starts_with("0x") || text.starts_with("0X")) text.remove_prefix(2);
  std::size_t i = 0;
  while (i < text.size() &&
         (is_digit(text[i]) || text[i] == '.' || std::isxdigit(static_cast<unsigned char>(text[i]))))
    ++i;
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E' || text[i] == '+' || text[i] == '-')) return true;
  const std::string_view unit = text.substr(i);
  constexpr std::string_view kUnits[] = {"", "B", "kB", "MB", "GB", "TB", "us", "ms", "s", "min", "h", "d"};
  const auto begin = unit.find_first_not_of(' ');
  const std::string_view bare = begin == std::string_view::npos ? std::string_view() : unit.substr(begin);
  // `1d` ends in a hexadecimal digit: a unit that was taken for one is fine, too.
  return std::ranges::find(kUnits, bare.substr(0, bare.find(' '))) != std::end(kUnits);
}

void translate_wal_keep(Parameters& parameters, int version) {
  const auto segments = parameters.find("wal_keep_segments");
  const auto size = parameters.find("wal_keep_size");
  if (version >= 130000) {
    if (size == parameters.end()) {
      const auto count =
          segments == parameters.end() ? std::optional<std::int64_t>(8) : parse_int(segments->second);
      parameters["wal_keep_size"] = fmt::format("{}MB", count.value_or(8) * 16);
    }
    parameters.erase("wal_keep_segments");
  } else {
    if (segments == parameters.end()) {
      const auto megabytes =
          size == parameters.end() ? std::optional<std::int64_t>(128) : parse_int(size->second, "MB");
      parameters["wal_keep_segments"] = std::to_string((megabytes.value_or(128) + 8) / 16);
    }
    parameters.erase("wal_keep_size");
  }
}

struct Unit {
  std::string_view name;
  std::int64_t factor;
};
constexpr Unit kMemory[] = {
    {"TB", 1LL << 40}, {"GB", 1LL << 30}, {"MB", 1LL << 20}, {"kB", 1LL << 10}, {"B", 1}};
constexpr Unit kTime[] = {{"d", 86400000000LL}, {"h", 3600000000LL}, {"min", 60000000LL},
                          {"s", 1000000LL},     {"ms", 1000LL},      {"us", 1}};

template <std::size_t N>
std::optional<std::int64_t> base_factor(const Unit (&units)[N], std::string_view unit) {
  std::int64_t factor = 1;
  const auto parsed = std::from_chars(unit.data(), unit.data() + unit.size(), factor);
  unit.remove_prefix(static_cast<std::size_t>(parsed.ptr - unit.data()));
  for (const auto& known : units) {
    if (known.name == unit) return factor * known.factor;
  }
  return std::nullopt;
}

template <std::size_t N>
std::string largest(const Unit (&units)[N], std::int64_t base) {
  for (const auto& unit : units) {
    if (base % unit.factor == 0) return fmt::format("{}{}", base / unit.factor, unit.name);
  }
  return std::to_string(base);
}

}  // namespace

KnownParameters parse_describe_config(std::string_view text) {
  KnownParameters known;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    std::string_view fields[4];
    for (auto& field : fields) {
      const auto tab = std::min(line.find('\t'), line.size());
      field = line.substr(0, tab);
      line.remove_prefix(std::min(tab + 1, line.size()));
    }
    if (fields[3].empty()) continue;
    using Type = KnownParameter::Type;
    const Type type = fields[3] == "BOOLEAN"   ? Type::boolean
                      : fields[3] == "INTEGER" ? Type::integer
                      : fields[3] == "REAL"    ? Type::real
                      : fields[3] == "ENUM"    ? Type::enumeration
                                               : Type::text;
    known[lower(fields[0])] = {type};
  }
  return known;
}

bool is_recovery_parameter(std::string_view name) {
  return std::ranges::find(kRecoveryParameters, name) != std::end(kRecoveryParameters);
}

std::vector<Dropped> remove_invalid(Parameters& parameters, const KnownParameters& known, int version) {
  std::vector<Dropped> dropped;
  if (known.empty()) return dropped;
  const auto judge = [&](const std::string& name, const std::string& value) -> std::string {
    if (name.find('.') != std::string::npos || is_undescribed(name, version)) return {};
    const auto found = known.find(name);
    if (found == known.end()) {
      return fmt::format("Removing unexpected parameter={} value={} from the config", name, value);
    }
    using Type = KnownParameter::Type;
    const Type type = found->second.type;
    const char* bad = nullptr;
    if (type == Type::boolean && !parse_bool(Document(value))) bad = "bool";
    if (type == Type::integer && !looks_like_number(value)) bad = "integer";
    if (type == Type::real && !looks_like_number(value)) bad = "real";
    if (bad == nullptr) return {};
    return fmt::format("Removing {} parameter={} from the config due to the invalid value={}", bad, name,
                       value);
  };
  std::erase_if(parameters, [&](const auto& item) {
    std::string message = judge(item.first, item.second);
    if (message.empty()) return false;
    dropped.push_back({std::move(message)});
    return true;
  });
  return dropped;
}

Parameters effective_parameters(const config::Settings& settings, int version) {
  Parameters parameters;
  for (const auto& [name, value] : settings.postgresql.parameters) parameters[lower(name)] = value;
  parameters["listen_addresses"] = settings.postgresql.listen_addresses;
  parameters["port"] = std::to_string(settings.postgresql.port);
  parameters["cluster_name"] = settings.scope;
  std::erase_if(parameters, [](const auto& item) { return is_recovery_parameter(item.first); });
  auto& wal_level = parameters.try_emplace("wal_level", "replica").first->second;
  if (version >= 90600 && lower(wal_level) == "hot_standby") wal_level = "replica";
  if (version < 90600 && lower(wal_level) == "replica") wal_level = "hot_standby";
  translate_wal_keep(parameters, version);
  for (const auto& [name, since] : kSince) {
    if (version < since) parameters.erase(std::string(name));
  }
  return parameters;
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
    const auto configured = parse_int(Document(found->second));
    if (!configured || *configured >= least) continue;
    raised[name] = found->second;
    found->second = std::to_string(least);
  }
  return raised;
}

std::string human_value(std::int64_t value, std::string_view unit) {
  if (unit.empty() || value <= 0) return std::to_string(value);
  if (auto factor = base_factor(kMemory, unit)) return largest(kMemory, value * *factor);
  if (auto factor = base_factor(kTime, unit)) return largest(kTime, value * *factor);
  return std::to_string(value);
}

std::string human_text(const std::string& value, std::string_view unit) {
  if (unit.empty()) return value;
  const auto base = parse_int(Document(value), unit);
  return base ? human_value(*base, unit) : value;
}

}  // namespace tanist::postgres
