#include "postgres/parameters/judgement.h"

#include <algorithm>

#include "config/sections/controlled.h"
#include "core/format.h"
#include "core/text.h"
#include "postgres/parameters/parameters.h"
#include "postgres/parameters/values.h"

namespace tanist::postgres {
namespace {

using Kind = Remark::Kind;
using RuleType = ParameterRule::Type;

/// Those that PostgreSQL wants at least as large on a standby as on its primary.
constexpr std::string_view kOfStandbys[] = {"max_connections", "max_locks_per_transaction",
                                            "max_prepared_transactions", "max_wal_senders",
                                            "max_worker_processes"};
/// Translated into each other, whatever the version.
constexpr std::string_view kTranslated[] = {"wal_keep_segments", "wal_keep_size"};
/// The versions that a parameter is looked for in when the server's own does not have it.
constexpr int kMajors[] = {90300,  90400,  90500,  90600,  100000, 110000, 120000,
                           130000, 140000, 150000, 160000, 170000, 180000};

template <class Names>
bool is_one_of(const Names& names, std::string_view name) {
  return std::ranges::find(names, name) != std::end(names);
}

bool is_of_extension(std::string_view name) {
  return name.find('.') != std::string_view::npos;
}

const config::Controlled* controlled(std::string_view name) {
  const auto all = config::controlled_parameters();
  const auto found = std::ranges::find(all, name, &config::Controlled::name);
  return found == all.end() ? nullptr : &*found;
}

std::string major(int version) {
  return version >= 100000 ? fmt::format("{}", version / 10000)
                           : fmt::format("{}.{}", version / 10000, version / 100 % 100);
}

/// Where it exists, as far as the table knows; empty: nowhere.
std::string where_it_exists(std::string_view name, int version) {
  const auto known = [&](int other) { return parameter_rule(name, other).has_value(); };
  const auto later =
      std::ranges::find_if(kMajors, [&](int other) { return other > version && known(other); });
  if (later != std::end(kMajors)) return fmt::format("it came with PostgreSQL {}", major(*later));
  std::string out;
  for (const int other : kMajors)
    if (other < version && known(other))
      out = fmt::format("PostgreSQL {} was the last to have it", major(other));
  return out;
}

std::string in_quotes(std::string_view text) {
  constexpr std::size_t kShown = 60;
  if (text.size() <= kShown) return fmt::format("\"{}\"", text);
  // Not in the middle of a character.
  std::size_t end = kShown;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return fmt::format("\"{}…\"", text.substr(0, end));
}

std::string with_unit(double bound, const ParameterRule& rule) {
  const std::string number = bound == static_cast<double>(static_cast<std::int64_t>(bound))
                                 ? fmt::format("{}", static_cast<std::int64_t>(bound))
                                 : fmt::format("{}", bound);
  return human_text(number, rule.type == RuleType::integer ? "integer" : "real", rule.unit);
}

/// A bare number where a block is counted: 128 of shared_buffers is one megabyte.
std::optional<std::string> meaning_of_bare_number(const std::string& value, const ParameterRule& rule) {
  if (rule.type != RuleType::integer || !rule.unit.ends_with('B') || rule.unit == "B") return std::nullopt;
  const bool bare = !value.empty() && value.size() < 18 &&
                    std::ranges::all_of(value, [](char c) { return c >= '0' && c <= '9'; });
  const auto number = bare ? parse_integer(value, rule.unit) : std::nullopt;
  if (!number || *number <= 0) return std::nullopt;
  return human_value(*number, rule.unit);
}

class Judge {
 public:
  Judge(const Document& parameters, int version) : parameters_(parameters), version_(version) {}

  std::vector<Remark> run() {
    for (const auto& entry : parameters_.entries()) one(entry.key, entry.value);
    reserved_connections();
    return std::move(out_);
  }

 private:
  void add(Kind kind, const std::string& name, std::string text, std::string hint = {}) {
    out_.push_back({kind, name, std::move(text), std::move(hint)});
  }

  void one(const std::string& written, const Document& value) {
    const std::string name = lower(written);
    if (value.is_null()) return;
    if (const auto* known = controlled(name)) {
      if (known->rule == config::Controlled::Rule::never)
        add(Kind::not_taken, written, "nobody may set it, each member derives it: it has no effect");
      if (!is_one_of(kTranslated, name) && parameter_rule(name, version_)) bare_number(written, name, value);
      return;
    }
    const auto text = config::guc_text(value);
    if (!text) return add(Kind::not_taken, written, "is no single value: it is left out");
    if (is_of_extension(name)) return;
    if (is_recovery_parameter(name))
      return add(
          Kind::not_taken, written, "is managed with recovery, and is left out here",
          name == "restore_command" || name.starts_with("recovery_") || name == "archive_cleanup_command"
              ? "postgresql.recovery_conf is the place for it"
              : "");
    const auto rule = parameter_rule(name, version_);
    if (!rule) return unknown(written, name);
    const auto checked = check_value(name, *text, *rule);
    if (!checked.message.empty()) {
      add(Kind::not_taken, written,
          fmt::format(
              "given {}, allowed: {}; {}", in_quotes(*text), allowed_values(*rule),
              checked.value ? with_bound(*checked.value, *rule) + " is used instead" : "it is left out"));
      return;
    }
    const bool off = rule->type == RuleType::boolean && parse_bool(value) == false;
    if (off && name == "fsync") add(Kind::unsafe, written, "is off: a crash of the host loses the database");
    if (off && name == "full_page_writes")
      add(Kind::unsafe, written, "is off: a crash of the host may leave torn pages");
    bare_number(written, name, value);
  }

  static std::string with_bound(const std::string& bound, const ParameterRule& rule) {
    return human_text(bound, rule.type == RuleType::integer ? "integer" : "real", rule.unit);
  }

  void bare_number(const std::string& written, const std::string& name, const Document& value) {
    const auto rule = parameter_rule(name, version_);
    const auto text = config::guc_text(value);
    const auto meaning = rule && text ? meaning_of_bare_number(*text, *rule) : std::nullopt;
    if (meaning)
      add(Kind::note, written,
          fmt::format("{} has no unit and counts in {}: it means {}", *text, rule->unit, *meaning));
  }

  void unknown(const std::string& written, const std::string& name) {
    const std::string elsewhere = where_it_exists(name, version_);
    std::string hint;
    if (elsewhere.empty())
      if (const auto near = nearest_parameter(name, version_)) hint = fmt::format("did you mean {}?", *near);
    add(Kind::not_taken, written,
        fmt::format("there is no such parameter{}: it is left out",
                    elsewhere.empty() ? "" : ", " + elsewhere),
        std::move(hint));
  }

  std::int64_t number(std::string_view name, std::int64_t otherwise) const {
    for (const auto& entry : parameters_.entries())
      if (lower(entry.key) == name) return parse_int(entry.value).value_or(otherwise);
    return otherwise;
  }

  void reserved_connections() {
    constexpr std::int64_t kDefaultReserved = 3;
    const auto connections = number("max_connections", 100);
    const auto reserved = number("superuser_reserved_connections", kDefaultReserved);
    const auto of_role = version_ >= 160000 ? number("reserved_connections", 0) : 0;
    if (reserved + of_role < connections) return;
    add(Kind::fatal, "superuser_reserved_connections",
        fmt::format(
            "{} reserved connections are not less than max_connections ({}): PostgreSQL does not start",
            reserved + of_role, connections));
  }

  const Document& parameters_;
  int version_;
  std::vector<Remark> out_;
};

/// By lower-case name, as they count: what is refused is not there, what has a default of ours has it.
Parameters in_force(const Document* parameters, int version) {
  Parameters out;
  for (const auto& known : config::controlled_parameters())
    if (known.rule != config::Controlled::Rule::never && known.on_command_line)
      out[std::string(known.name)] = known.fallback;
  const Document none = Document::map();
  const bool given = parameters != nullptr && parameters->is_map();
  for (const auto& entry : (given ? *parameters : none).entries()) {
    const std::string name = lower(entry.key);
    const auto text = config::guc_text(entry.value);
    const auto* known = controlled(name);
    const bool never = known != nullptr && known->rule == config::Controlled::Rule::never;
    if (!text || never || is_recovery_parameter(name) || config::refused_value(name, entry.value)) continue;
    const auto rule = parameter_rule(name, version);
    if (!rule) {
      if (is_of_extension(name) || is_one_of(kTranslated, name)) out[name] = *text;
      continue;
    }
    if (const auto checked = check_value(name, *text, *rule); checked.value) out[name] = *checked.value;
  }
  translate_wal_keep(out, version);
  return out;
}

bool same_meaning(const std::string& name, const std::string& a, const std::string& b, int version) {
  if (a == b) return true;
  const auto rule = parameter_rule(name, version);
  if (!rule) return false;
  switch (rule->type) {
    case RuleType::text: return false;
    case RuleType::integer: return parse_integer(a, rule->unit) == parse_integer(b, rule->unit);
    case RuleType::real: return parse_real(a, rule->unit) == parse_real(b, rule->unit);
    case RuleType::boolean:
    case RuleType::enumeration:
    case RuleType::enum_or_boolean: break;
  }
  const auto first = parse_bool(Document(a));
  const auto second = parse_bool(Document(b));
  // The two names of one level: servers know either the older or the newer one.
  const auto level = [](std::string text) {
    text = lower(text);
    return text == "hot_standby" ? std::string("replica") : text;
  };
  return (first && first == second) || level(a) == level(b);
}

}  // namespace

std::string allowed_values(const ParameterRule& rule) {
  std::string words(rule.words);
  for (std::size_t at = 0; (at = words.find('|', at)) != std::string::npos; at += 2)
    words.replace(at, 1, ", ");
  switch (rule.type) {
    case RuleType::text: return "a string";
    case RuleType::boolean: return "on or off";
    case RuleType::enumeration: return "one of " + words;
    case RuleType::enum_or_boolean: return "on, off" + (words.empty() ? std::string() : ", " + words);
    case RuleType::integer:
    case RuleType::real: break;
  }
  std::string out =
      fmt::format("{} from {} to {}", rule.type == RuleType::integer ? "an integer" : "a number",
                  with_unit(rule.min, rule), with_unit(rule.max, rule));
  if (!rule.unit.empty())
    out += rule.unit.ends_with('B') ? ", units B, kB, MB, GB, TB" : ", units us, ms, s, min, h, d";
  return out;
}

std::vector<Remark> judge_parameters(const Document& parameters, int version) {
  if (!parameters.is_map()) return {};
  return Judge(parameters, version).run();
}

std::vector<ChangedParameter> changed_parameters(const Document* before, const Document* after, int version) {
  const auto was = in_force(before, version);
  const auto is = in_force(after, version);
  std::vector<ChangedParameter> out;
  const auto value = [](const Parameters& in, const std::string& name) {
    const auto found = in.find(name);
    return found == in.end() ? std::nullopt : std::optional(found->second);
  };
  const auto compare = [&](const std::string& name) {
    ChangedParameter change{.name = name, .before = value(was, name), .after = value(is, name)};
    if (change.before && change.after && same_meaning(name, *change.before, *change.after, version)) return;
    change.takes = takes_of(name, version);
    const auto less = change.before && change.after ? parse_int(Document(*change.before)) : std::nullopt;
    const auto more = less ? parse_int(Document(*change.after)) : std::nullopt;
    if (is_one_of(kOfStandbys, name) && less && more) change.of_standbys = *more > *less ? 1 : -1;
    out.push_back(std::move(change));
  };
  for (const auto& [name, text] : was) compare(name);
  for (const auto& [name, text] : is)
    if (!was.contains(name)) compare(name);
  std::ranges::sort(out, {}, &ChangedParameter::name);
  return out;
}

}  // namespace tanist::postgres
