#include "postgres/parameters/table.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <vector>

#include "config/keys/keys.h"

namespace tanist::postgres {
namespace {

/// Text that is searched by bisection: nothing is built at start, and it costs what it says.
constexpr std::string_view kTable =
#include "postgres/parameters/table.inc"
    ;

constexpr std::string_view kContexts =
#include "postgres/parameters/contexts.inc"
    ;

constexpr std::string_view kRecovery = R"table(
archive_cleanup_command - string
pause_at_recovery_target -9.5 bool
primary_conninfo - string
primary_slot_name 9.4- string
promote_trigger_file 12-16 string
recovery_end_command - string
recovery_min_apply_delay 9.4- int 0..2147483647 ms
recovery_target - enum immediate|
recovery_target_action 9.5- enum pause|promote|shutdown
recovery_target_inclusive - bool
recovery_target_lsn 10- string
recovery_target_name - string
recovery_target_time - string
recovery_target_timeline - string
recovery_target_xid - string
restore_command - string
standby_mode -12 bool
trigger_file -12 string
)table";

/// Cuts the first word off.
std::string_view take_word(std::string_view& text) {
  const auto end = std::min(text.find(' '), text.size());
  const auto word = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return word;
}

std::string_view line_at(std::string_view table, std::size_t begin) {
  return table.substr(begin, table.find('\n', begin) - begin);
}

/// Where the first line begins whose name is not before `name`.
std::size_t lower_bound(std::string_view table, std::string_view name) {
  std::size_t low = 1;  // after the line break that begins the literal
  std::size_t high = table.size();
  while (low < high) {
    const auto middle = low + (high - low) / 2;
    const auto begin = table.rfind('\n', middle - 1) + 1;
    std::string_view line = line_at(table, begin);
    if (take_word(line) < name) {
      low = table.find('\n', begin) + 1;
    } else {
      high = begin;
    }
  }
  return low;
}

/// `9.6` → 90600, `15` → 150000, `14.5` → 140005.
int version_number(std::string_view text) {
  int major = 0;
  int minor = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), major);
  if (parsed.ptr != text.data() + text.size()) {
    std::from_chars(parsed.ptr + 1, text.data() + text.size(), minor);
  }
  return major >= 10 ? major * 10000 + minor : major * 10000 + minor * 100;
}

bool contains(std::string_view spans, int version) {
  while (!spans.empty()) {
    const auto comma = std::min(spans.find(','), spans.size());
    const std::string_view span = spans.substr(0, comma);
    spans.remove_prefix(std::min(comma + 1, spans.size()));
    const auto dash = span.find('-');
    const std::string_view from = span.substr(0, dash);
    const std::string_view till = span.substr(dash + 1);
    if ((from.empty() || version >= version_number(from)) && (till.empty() || version < version_number(till)))
      return true;
  }
  return false;
}

ParameterRule parse_rule(std::string_view text) {
  using Type = ParameterRule::Type;
  ParameterRule rule;
  const std::string_view type = take_word(text);
  if (type == "bool") rule.type = Type::boolean;
  if (type == "enum") rule.type = Type::enumeration;
  if (type == "enumbool") rule.type = Type::enum_or_boolean;
  if (type == "enum" || type == "enumbool") rule.words = text;
  if (type != "int" && type != "real") return rule;
  rule.type = type == "int" ? Type::integer : Type::real;
  const std::string_view bounds = take_word(text);
  const auto dots = bounds.find("..");
  const std::string_view max = bounds.substr(dots + 2);
  std::from_chars(bounds.data(), bounds.data() + dots, rule.min);
  std::from_chars(max.data(), max.data() + max.size(), rule.max);
  rule.unit = text;
  return rule;
}

/// What follows name and versions.
std::optional<std::string_view> find_line(std::string_view table, std::string_view name, int version) {
  for (auto begin = lower_bound(table, name); begin < table.size();) {
    std::string_view line = line_at(table, begin);
    begin += line.size() + 1;
    if (take_word(line) != name) break;
    if (contains(take_word(line), version)) return line;
  }
  return std::nullopt;
}

std::optional<ParameterRule> find(std::string_view table, std::string_view name, int version) {
  const auto line = find_line(table, name, version);
  return line ? std::optional(parse_rule(*line)) : std::nullopt;
}

}  // namespace

std::optional<ParameterRule> parameter_rule(std::string_view name, int version) {
  return find(kTable, name, version);
}

Takes takes_of(std::string_view name, int version) {
  const auto context = find_line(kContexts, name, version);
  if (!context) return Takes::reload;
  return *context == "postmaster" ? Takes::restart : Takes::new_sessions;
}

std::optional<std::string> nearest_parameter(std::string_view name, int version) {
  std::vector<std::string> names;
  for (std::string_view rest = kTable.substr(1); !rest.empty();) {
    std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    const auto known = take_word(line);
    if (contains(take_word(line), version)) names.emplace_back(known);
  }
  return config::nearest_word(name, names);
}

std::optional<ParameterRule> recovery_parameter_rule(std::string_view name, int version) {
  return find(kRecovery, name, version);
}

bool is_recovery_parameter(std::string_view name) {
  const auto begin = lower_bound(kRecovery, name);
  if (begin >= kRecovery.size()) return false;
  std::string_view line = line_at(kRecovery, begin);
  return take_word(line) == name;
}

}  // namespace tanist::postgres
