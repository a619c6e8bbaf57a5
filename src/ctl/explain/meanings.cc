#include "ctl/explain/meanings.h"

#include <algorithm>
#include <iterator>
#include <vector>

#include "config/keys/keys.h"
#include "core/format.h"
#include "ctl/settings.h"

namespace tanist::ctl::explain {
namespace {

constexpr ha::Code kCodes[] = {
#define TANIST_REASON(code, text, section) ha::Code::code,
#include "ha/model/reasons.inc"
#undef TANIST_REASON
};
constexpr ha::Rule kRules[] = {
#define TANIST_RULE(code, passed, failed, section) ha::Rule::code,
#include "ha/model/rules.inc"
#undef TANIST_RULE
};

/// A link to where the specification has it.
std::string place(std::string_view section) {
  if (section.empty()) return {};
  const auto blank = section.find(' ');
  const std::string_view page = section.substr(0, blank);
  return fmt::format(" ([{0}.md §{1}](spec/{0}.md))", page, section.substr(blank + 1));
}

/// The lines of a text that is logged, quoted.
std::string quoted(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto end = text.find('\n');
    out += fmt::format("> `{}`", text.substr(0, end));
    out += end == std::string_view::npos ? "\n" : "  \n";
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return out.empty() ? out : out + '\n';
}

template <class All, class Name>
auto by_name(const All& all, Name name) {
  std::vector out(std::begin(all), std::end(all));
  std::ranges::sort(out, {}, name);
  return out;
}

}  // namespace

// No default: a code that has no paragraph does not compile.
std::string_view meaning_of(ha::Code code) {
  using ha::Code;
  switch (code) {
#define TANIST_MEANING(code, text) \
  case Code::code: return text;
#include "ctl/explain/meanings_keeping.inc"
#include "ctl/explain/meanings_leading.inc"
#include "ctl/explain/meanings_working.inc"
#undef TANIST_MEANING
  }
  return {};
}

std::string_view meaning_of(ha::Rule rule) {
  using ha::Rule;
  switch (rule) {
#define TANIST_MEANING(code, text) \
  case Rule::code: return text;
#include "ctl/explain/meanings_rules.inc"
#undef TANIST_MEANING
  }
  return {};
}

std::string told_meaning(const std::string& name) {
  const auto rule = std::ranges::find(kRules, name, ha::rule_name);
  if (rule != std::end(kRules)) return fmt::format("{}\n", meaning_of(*rule));
  const auto code = std::ranges::find(kCodes, name, ha::code_name);
  if (code != std::end(kCodes)) {
    const std::string_view text = ha::code_text(*code);
    return fmt::format("{}{}{}\n", text, text.empty() ? "" : "\n\n", meaning_of(*code));
  }
  std::vector<std::string> names;
  for (const auto each : kRules) names.emplace_back(ha::rule_name(each));
  for (const auto each : kCodes) names.emplace_back(ha::code_name(each));
  const auto near = config::nearest_word(name, names);
  throw Failure(fmt::format("there is no reason or rule '{}'{}", name,
                            near ? fmt::format("; did you mean '{}'?", *near) : std::string()));
}

std::string meanings_page() {
  std::string out =
      "# Reasons and rules\n\n"
      "Every decision of a member has a reason with a code, and tells the rules on the way to it: in the "
      "journal, in "
      "`GET /journal`,\n"
      "by `tanistctl explain` and `tanistctl replay`. The codes are stable. Texts that are quoted here are "
      "what the log "
      "says; where\n"
      "there is none, the reason is not logged.\n\n"
      "This page is made from `src/ha/model/{reasons,rules}.inc` and `src/ctl/explain/meanings_*.inc`: "
      "`tests/unit/ctl/explain/meanings_test.cc`.\n\n"
      "## Rules\n";
  for (const auto rule : by_name(kRules, ha::rule_name))
    out += fmt::format("\n### {}\n\n{}{}\n", ha::rule_name(rule), meaning_of(rule),
                       place(ha::rule_section(rule)));
  out += "\n## Reasons\n";
  for (const auto code : by_name(kCodes, ha::code_name))
    out += fmt::format("\n### {}\n\n{}{}{}\n", ha::code_name(code), quoted(ha::code_text(code)),
                       meaning_of(code), place(ha::code_section(code)));
  return out;
}

}  // namespace tanist::ctl::explain
