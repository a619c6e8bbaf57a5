#include <fmt/format.h>

#include "ha/model/decision.h"

/// The words of reasons and rules.

namespace tanist::ha {
namespace {

struct Entry {
  std::string_view name;
  std::string_view text;
  std::string_view section;
};

constexpr Entry kReasons[] = {
#define TANIST_REASON(code, text, section) {#code, text, section},
#include "ha/model/reasons.inc"
#undef TANIST_REASON
};

const Entry& entry(Code code) {
  return kReasons[static_cast<std::size_t>(code)];
}

struct RuleEntry {
  std::string_view name;
  std::string_view passed;
  std::string_view failed;
  std::string_view section;
};

constexpr RuleEntry kRules[] = {
#define TANIST_RULE(code, passed, failed, section) {#code, passed, failed, section},
#include "ha/model/rules.inc"
#undef TANIST_RULE
};

const RuleEntry& entry(Rule rule) {
  return kRules[static_cast<std::size_t>(rule)];
}

std::string shown(const Document& number) {
  return number.is_double() ? fmt::format("{:.1f}", number.as_double()) : number.text();
}

}  // namespace

std::string_view code_name(Code code) {
  return entry(code).name;
}
std::string_view code_text(Code code) {
  return entry(code).text;
}
std::string_view code_section(Code code) {
  return entry(code).section;
}

std::string_view rule_name(Rule rule) {
  return entry(rule).name;
}
std::string_view rule_section(Rule rule) {
  return entry(rule).section;
}

std::string Check::text() const {
  std::string_view form = passed ? entry(rule).passed : entry(rule).failed;
  std::string out;
  while (!form.empty()) {
    const auto open = form.find('{');
    out += form.substr(0, open);
    if (open == std::string_view::npos) break;
    const auto close = form.find('}', open);
    const std::string_view name = form.substr(open + 1, close - open - 1);
    const Document* number = numbers.find(name);
    out += name == "about" ? about : number ? shown(*number) : "?";
    form.remove_prefix(close + 1);
  }
  return out;
}

std::string Reason::text() const {
  const std::string_view form = code_text(code);
  std::string out;
  for (std::size_t i = 0; i < form.size(); ++i) {
    const bool place = i + 2 < form.size() && form[i] == '{' && form[i + 2] == '}';
    if (!place) {
      out += form[i];
      continue;
    }
    const auto n = static_cast<std::size_t>(form[i + 1] - '0');
    if (n < arguments.size()) out += arguments[n];
    i += 2;
  }
  return out;
}

}  // namespace tanist::ha
