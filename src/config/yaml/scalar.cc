#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "config/yaml/yaml.h"
#include "core/format.h"
#include "core/text.h"

namespace tanist::config {
namespace {

bool digit(char c) {
  return c >= '0' && c <= '9';
}
bool sign(char c) {
  return c == '+' || c == '-';
}

template <class Set>
bool contains(const Set& set, std::string_view text) {
  return std::ranges::find(set, text) != set.end();
}

constexpr std::array<std::string_view, 9> kTrue = {"yes",  "Yes", "YES", "true", "True",
                                                   "TRUE", "on",  "On",  "ON"};
constexpr std::array<std::string_view, 9> kFalse = {"no",    "No",  "NO",  "false", "False",
                                                    "FALSE", "off", "Off", "OFF"};
constexpr std::array<std::string_view, 5> kNull = {"", "~", "null", "Null", "NULL"};

/// All of `text` is in `set`, and there is at least one character.
bool only(std::string_view text, std::string_view set) {
  return !text.empty() && text.find_first_not_of(set) == std::string_view::npos;
}

constexpr std::string_view kDigits = "0123456789_";

/// `(:[0-5]?[0-9])+`
bool base60_tail(std::string_view text) {
  if (text.empty()) return false;
  while (!text.empty()) {
    if (text[0] != ':') return false;
    text.remove_prefix(1);
    const auto end = std::min(text.find(':'), text.size());
    const auto part = text.substr(0, end);
    const bool one = part.size() == 1 && digit(part[0]);
    const bool two = part.size() == 2 && part[0] >= '0' && part[0] <= '5' && digit(part[1]);
    if (!one && !two) return false;
    text.remove_prefix(end);
  }
  return true;
}

bool matches_int(std::string_view text) {
  if (!text.empty() && sign(text[0])) text.remove_prefix(1);
  if (text.empty() || !digit(text[0])) return false;
  if (text == "0") return true;
  if (text[0] == '0') {
    const auto rest = text.substr(1);
    if (rest[0] == 'b') return only(rest.substr(1), "01_");
    if (rest[0] == 'x') return only(rest.substr(1), "0123456789abcdefABCDEF_");
    return only(rest, "01234567_");
  }
  const auto colon = text.find(':');
  if (!only(text.substr(0, colon), kDigits)) return false;
  return colon == std::string_view::npos || base60_tail(text.substr(colon));
}

/// `([eE][-+][0-9]+)?`
bool exponent(std::string_view text) {
  if (text.empty()) return true;
  if (text[0] != 'e' && text[0] != 'E') return false;
  text.remove_prefix(1);
  return !text.empty() && sign(text[0]) && only(text.substr(1), "0123456789");
}

bool matches_float(std::string_view text) {
  const bool has_sign = !text.empty() && sign(text[0]);
  if (has_sign) text.remove_prefix(1);
  if (text == ".inf" || text == ".Inf" || text == ".INF") return true;
  if (!has_sign && (text == ".nan" || text == ".NaN" || text == ".NAN")) return true;
  const auto dot = text.find('.');
  if (dot == std::string_view::npos) return false;
  const auto before = text.substr(0, dot);
  auto after = text.substr(dot + 1);
  const auto digits = std::min(after.find_first_not_of(kDigits), after.size());
  const auto tail = after.substr(digits);
  after = after.substr(0, digits);
  if (before.empty()) return !has_sign && !after.empty() && digit(after[0]) && exponent(tail);
  if (!digit(before[0])) return false;
  const auto colon = before.find(':');
  if (!only(before.substr(0, colon), kDigits)) return false;
  if (colon == std::string_view::npos) return exponent(tail);
  return tail.empty() && base60_tail(before.substr(colon));
}

struct Cleaned {
  std::string text;
  bool negative = false;
};

Cleaned without_underscores(std::string_view given) {
  Cleaned out;
  std::ranges::remove_copy(given, std::back_inserter(out.text), '_');
  if (!out.text.empty() && sign(out.text[0])) {
    out.negative = out.text[0] == '-';
    out.text.erase(0, 1);
  }
  return out;
}

enum class Fault { none, empty, too_large };

Fault digits_to_int(std::string_view text, int base, std::uint64_t& value) {
  if (text.empty()) return Fault::empty;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (ec == std::errc::result_out_of_range) return Fault::too_large;
  return ec == std::errc() && end == text.data() + text.size() ? Fault::none : Fault::empty;
}

Fault base60_to_int(std::string_view text, std::uint64_t& value) {
  value = 0;
  while (true) {
    const auto colon = text.find(':');
    std::uint64_t part = 0;
    if (const Fault fault = digits_to_int(text.substr(0, colon), 10, part); fault != Fault::none)
      return fault;
    if (value > (std::numeric_limits<std::uint64_t>::max() - part) / 60) return Fault::too_large;
    value = value * 60 + part;
    if (colon == std::string_view::npos) return Fault::none;
    text.remove_prefix(colon + 1);
  }
}

std::optional<double> digits_to_double(std::string_view text) {
  double value = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (ec == std::errc::result_out_of_range) return std::numeric_limits<double>::infinity();
  if (ec != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

namespace detail {

std::expected<Document, std::string> construct_int(std::string_view given) {
  const auto fail = [&] {
    return std::unexpected(std::string("the text that begins here is not an integer"));
  };
  const auto [text, negative] = without_underscores(given);
  std::uint64_t value = 0;
  Fault fault = Fault::none;
  if (text.empty()) return fail();
  if (text.starts_with("0b")) {
    fault = digits_to_int(std::string_view(text).substr(2), 2, value);
  } else if (text.starts_with("0x")) {
    fault = digits_to_int(std::string_view(text).substr(2), 16, value);
  } else if (text[0] == '0') {
    fault = digits_to_int(text, 8, value);
  } else if (text.find(':') != std::string::npos) {
    fault = base60_to_int(text, value);
  } else {
    fault = digits_to_int(text, 10, value);
  }
  if (fault == Fault::empty) return fail();
  const auto limit =
      static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) + (negative ? 1 : 0);
  // Larger than any key allows: kept as it was written, so that its text and the complaint about it are
  // right.
  if (fault == Fault::too_large || value > limit) return Document(given);
  return Document(negative ? static_cast<std::int64_t>(0 - value) : static_cast<std::int64_t>(value));
}

std::expected<Document, std::string> construct_float(std::string_view given) {
  auto [text, negative] = without_underscores(given);
  text = lower(text);
  std::optional<double> value;
  if (text == ".inf" || text == "inf" || text == "infinity") {
    value = std::numeric_limits<double>::infinity();
  } else if (text == ".nan" || text == "nan") {
    return Document(std::numeric_limits<double>::quiet_NaN());
  } else if (text.find(':') != std::string::npos) {
    value = 0;
    for (std::string_view rest = text; value;) {
      const auto colon = rest.find(':');
      const auto part = digits_to_double(rest.substr(0, colon));
      value = part ? std::optional(*value * 60 + *part) : std::nullopt;
      if (colon == std::string_view::npos) break;
      rest.remove_prefix(colon + 1);
    }
  } else if (!text.empty() && (digit(text[0]) || text[0] == '.')) {
    value = digits_to_double(text);
  }
  if (!value) return std::unexpected(std::string("the text that begins here is not a number"));
  return Document(negative ? -*value : *value);
}

std::expected<Document, std::string> construct_bool(std::string_view given) {
  const std::string text = lower(given);
  if (contains(kTrue, text)) return Document(true);
  if (contains(kFalse, text)) return Document(false);
  return std::unexpected(std::string("the text that begins here is not a boolean"));
}

}  // namespace detail

std::expected<Document, std::string> resolve_plain_scalar(std::string_view text) {
  if (contains(kNull, text)) return Document();
  if (contains(kTrue, text)) return Document(true);
  if (contains(kFalse, text)) return Document(false);
  const char first = text[0];
  if (!digit(first) && !sign(first) && first != '.') return Document(text);
  if (matches_float(text)) return detail::construct_float(text);
  if (matches_int(text)) return detail::construct_int(text);
  return Document(text);
}

bool is_base60(std::string_view text) {
  return text.find(':') != std::string_view::npos && (matches_int(text) || matches_float(text));
}

}  // namespace tanist::config
