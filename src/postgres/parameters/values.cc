#include "postgres/parameters/values.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "core/document.h"
#include "core/format.h"
#include "core/text.h"

namespace tanist::postgres {
namespace {

using Type = ParameterRule::Type;

struct Unit {
  std::string_view name;
  std::int64_t factor;
};
constexpr Unit kMemory[] = {
    {"TB", 1LL << 40}, {"GB", 1LL << 30}, {"MB", 1LL << 20}, {"kB", 1LL << 10}, {"B", 1}};
constexpr Unit kTime[] = {{"d", 86400000000LL}, {"h", 3600000000LL}, {"min", 60000000LL},
                          {"s", 1000000LL},     {"ms", 1000LL},      {"us", 1}};

bool is_white(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && is_white(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_white(text.back())) text.remove_suffix(1);
  return text;
}

template <std::size_t N>
std::optional<std::int64_t> factor_in(const Unit (&units)[N], std::string_view unit) {
  std::int64_t multiplier = 1;
  const auto parsed = std::from_chars(unit.data(), unit.data() + unit.size(), multiplier);
  unit.remove_prefix(static_cast<std::size_t>(parsed.ptr - unit.data()));
  for (const auto& known : units) {
    if (known.name == unit) return multiplier * known.factor;
  }
  return std::nullopt;
}

template <std::size_t N>
std::string largest(const Unit (&units)[N], std::int64_t value, std::int64_t factor) {
  std::int64_t base = 0;
  if (__builtin_mul_overflow(value, factor, &base)) return {};
  for (const auto& unit : units) {
    if (base % unit.factor == 0) return fmt::format("{}{}", base / unit.factor, unit.name);
  }
  return {};
}

/// Value of `from` units in `to` units; both of one family.
std::optional<double> ratio(std::string_view from, std::string_view to) {
  if (from.empty() || is_digit(from.front())) return std::nullopt;
  const auto of = [&](const auto& family) -> std::optional<double> {
    const auto a = factor_in(family, from);
    const auto b = factor_in(family, to);
    if (!a || !b) return std::nullopt;
    return static_cast<double>(*a) / static_cast<double>(*b);
  };
  if (auto memory = of(kMemory)) return memory;
  return of(kTime);
}

bool has_word(std::string_view words, std::string_view word) {
  for (;;) {
    const auto bar = words.find('|');
    if (words.substr(0, bar) == word) return true;
    if (bar == std::string_view::npos) return false;
    words.remove_prefix(bar + 1);
  }
}

/// A bound as it is written: without exponent where that is possible.
std::string number_text(double bound) {
  if (std::abs(bound) < 1e15 && bound == std::floor(bound))
    return fmt::format("{}", static_cast<std::int64_t>(bound));
  return fmt::format("{}", bound);
}

CheckedValue refused(std::string_view type, std::string_view name, const std::string& value) {
  return {std::nullopt, fmt::format("Removing {} parameter={} from the config due to the invalid value={}",
                                    type, name, value)};
}

CheckedValue within(std::string_view name, const std::string& value, double number,
                    const ParameterRule& rule) {
  if (number >= rule.min && number <= rule.max) return {value, {}};
  const bool low = number < rule.min;
  const std::string bound = number_text(low ? rule.min : rule.max);
  const std::string shown = human_text(bound, rule.type == Type::integer ? "integer" : "real", rule.unit);
  return {bound, fmt::format("parameter={} value={} is {} what PostgreSQL accepts, {} is used instead", name,
                             value, low ? "below" : "above", shown)};
}

}  // namespace

std::optional<double> parse_real(std::string_view text, std::string_view unit) {
  text = trim(text);
  if (text.starts_with('+')) text.remove_prefix(1);
  // Neither hexadecimal floats nor words.
  const auto first = text.find_first_not_of('-');
  if (first == std::string_view::npos || first > 1 || (!is_digit(text[first]) && text[first] != '.'))
    return std::nullopt;
  double number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  if (parsed.ec != std::errc()) return std::nullopt;
  const auto given = trim(text.substr(static_cast<std::size_t>(parsed.ptr - text.data())));
  if (given.empty()) return number;
  const auto factor = ratio(given, unit);
  return factor ? std::optional(number * *factor) : std::nullopt;
}

std::optional<std::int64_t> parse_integer(std::string_view text, std::string_view unit) {
  const Document document(text);
  return unit.empty() ? parse_int(document) : parse_int(document, unit);
}

CheckedValue check_value(std::string_view name, const std::string& value, const ParameterRule& rule) {
  switch (rule.type) {
    case Type::text: return {value, {}};
    case Type::boolean:
      if (parse_bool(Document(value))) return {value, {}};
      return refused("bool", name, value);
    case Type::enumeration:
      if (has_word(rule.words, lower(value))) return {value, {}};
      return refused("enum", name, value);
    case Type::enum_or_boolean:
      if (parse_bool(Document(value)) || has_word(rule.words, lower(value))) return {value, {}};
      return refused("enumbool", name, value);
    case Type::integer:
      if (const auto number = parse_integer(value, rule.unit))
        return within(name, value, static_cast<double>(*number), rule);
      return refused("integer", name, value);
    case Type::real:
      if (const auto number = parse_real(value, rule.unit)) return within(name, value, *number, rule);
      return refused("real", name, value);
  }
  return {value, {}};
}

bool same_value(std::string_view vartype, std::string_view unit, const std::string& setting,
                const std::string& configured) {
  if (vartype == "bool") {
    const auto a = parse_bool(Document(setting));
    const auto b = parse_bool(Document(configured));
    return a && b && *a == *b;
  }
  if (vartype == "integer") {
    const auto a = parse_integer(setting, {});
    const auto b = parse_integer(configured, unit);
    return a && b && *a == *b;
  }
  if (vartype == "real") {
    const auto a = parse_real(setting, {});
    const auto b = parse_real(configured, unit);
    // pg_settings shows six digits.
    return a && b && std::abs(*a - *b) <= 1e-6 * std::max(std::abs(*a), std::abs(*b));
  }
  if (vartype == "enum") {
    if (lower(setting) == lower(configured)) return true;
    // `on` of an enumeration that takes truth values may be written in other ways.
    const auto a = parse_bool(Document(setting));
    const auto b = parse_bool(Document(configured));
    return a && b && *a == *b;
  }
  return setting == configured;
}

std::string human_value(std::int64_t value, std::string_view unit) {
  std::string text;
  if (value > 0) {
    if (const auto memory = factor_in(kMemory, unit)) text = largest(kMemory, value, *memory);
    if (const auto time = factor_in(kTime, unit)) text = largest(kTime, value, *time);
  }
  return text.empty() ? std::to_string(value) : text;
}

std::string human_text(const std::string& value, std::string_view vartype, std::string_view unit) {
  if (unit.empty() || (vartype != "integer" && vartype != "real")) return value;
  if (vartype == "integer") {
    const auto base = parse_integer(value, unit);
    return base ? human_value(*base, unit) : value;
  }
  const auto base = parse_real(value, unit);
  if (!base || *base <= 0) return value;
  if (*base == std::floor(*base) && *base < 1e15) return human_value(static_cast<std::int64_t>(*base), unit);
  return fmt::format("{}{}", *base, unit);
}

}  // namespace tanist::postgres
