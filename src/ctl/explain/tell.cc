#include "ctl/explain/tell.h"

#include <ctime>

#include "core/format.h"

namespace tanist::ctl::explain {
namespace {

constexpr std::size_t kRuleWidth = 24;

std::tm local(WallTime when) {
  const std::time_t whole = unix_seconds(when);
  std::tm out{};
  ::localtime_r(&whole, &out);
  return out;
}

/// Every line of a text behind so many blanks.
std::string indented(std::string_view text, std::size_t blanks) {
  std::string out;
  while (!text.empty()) {
    const auto end = text.find('\n');
    out += std::string(blanks, ' ').append(text.substr(0, end)) + '\n';
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return out;
}

bool passed(const Document& check) {
  const Document* value = check.find("passed");
  return value != nullptr && value->truthy();
}

std::string text_of(const Document& check, const char* name) {
  const Document* value = check.find(name);
  return value != nullptr ? value->text() : std::string();
}

std::string check_line(const Document& check, std::size_t indent, bool coloured) {
  const bool good = passed(check);
  const std::string text = text_of(check, "text");
  std::string line = fmt::format("{}{} {}", std::string(indent, ' '),
                                 toned(good ? "passed" : "failed", good ? Tone::good : Tone::bad, coloured),
                                 text_of(check, "rule"));
  if (text.empty()) return line + '\n';
  const std::size_t width = text_of(check, "rule").size();
  return line + std::string(width < kRuleWidth ? kRuleWidth - width : 1, ' ') + text + '\n';
}

std::string about(const Explained& one) {
  if (one.role.empty()) return one.state;
  return one.state.empty() ? one.role : one.role + ", " + one.state;
}

}  // namespace

Document document_of(const Verdict& verdict) {
  return Document::map({{"Code", verdict.code},
                        {"Text", verdict.text},
                        {"Intent", verdict.intent},
                        {"Checks", Document::list(verdict.checks)}});
}

std::string toned(std::string_view text, Tone tone, bool coloured) {
  if (!coloured || tone == Tone::plain) return std::string(text);
  const char* colour = tone == Tone::good ? "\033[32m" : tone == Tone::bad ? "\033[31m" : "\033[1m";
  return fmt::format("{}{}\033[0m", colour, text);
}

std::string clock_text(WallTime when, WallTime today) {
  const std::tm at = local(when);
  const std::tm day = local(today);
  const auto fraction = when - std::chrono::floor<std::chrono::seconds>(when);
  std::string out = fmt::format("{:02}:{:02}:{:02}.{:03}", at.tm_hour, at.tm_min, at.tm_sec,
                                std::chrono::duration_cast<std::chrono::milliseconds>(fraction).count());
  if (at.tm_year == day.tm_year && at.tm_yday == day.tm_yday) return out;
  return fmt::format("{:04}-{:02}-{:02} {}", at.tm_year + 1900, at.tm_mon + 1, at.tm_mday, out);
}

std::string told(const Verdict& verdict, const std::string& behind_code, std::size_t indent, bool coloured) {
  // Some decisions are made in silence.
  const std::string text = verdict.text.empty() ? "(not logged)" : verdict.text;
  std::string out = indented(fmt::format("{} [{}]{}", text, verdict.code, behind_code), indent);
  for (const auto& check : verdict.checks) out += check_line(check, indent + 2, coloured);
  return out;
}

std::string told(const std::vector<Explained>& all, WallTime now, bool coloured) {
  std::string out;
  for (const auto& one : all) {
    if (!out.empty()) out += '\n';
    const std::string words = about(one);
    out += toned(one.name, Tone::strong, coloured) + (words.empty() ? "" : " (" + words + ")") + '\n';
    if (!one.trouble.empty()) out += indented("no journal: " + one.trouble, 2);
    for (const auto& fact : one.facts) out += indented(fact, 2);
    if (one.verdict) {
      const bool lasts = one.since && one.since != one.when;
      const std::string since = lasts ? " since " + clock_text(*one.since, now) : "";
      out += told(*one.verdict, fmt::format(" at {}{}", clock_text(*one.when, now), since), 2, coloured);
    }
    if (one.leaderless) {
      const bool leads = one.leaderless->intent == "acquire";
      out += fmt::format("  If nobody led, it {}:\n", toned(leads ? "would take the lead" : "would not lead",
                                                            leads ? Tone::good : Tone::bad, coloured));
      out += told(*one.leaderless, "", 4, coloured);
    }
  }
  return out;
}

Document document_of(const std::vector<Explained>& all) {
  Document out = Document::list();
  for (const auto& one : all) {
    Document item = Document::map({{"Member", one.name}});
    if (!one.role.empty()) item.set("Role", one.role);
    if (!one.state.empty()) item.set("State", one.state);
    if (!one.trouble.empty()) item.set("Trouble", one.trouble);
    Document facts = Document::list();
    for (const auto& fact : one.facts) facts.push_back(fact);
    if (facts.size() > 0) item.set("Facts", std::move(facts));
    if (one.when) item.set("At", iso8601(*one.when));
    if (one.since) item.set("Since", iso8601(*one.since));
    if (one.verdict) item.set("Decision", document_of(*one.verdict));
    if (one.leaderless) {
      Document& then = item.set("If nobody led", document_of(*one.leaderless));
      then.set("Would lead", one.leaderless->intent == "acquire");
    }
    out.push_back(std::move(item));
  }
  return out;
}

}  // namespace tanist::ctl::explain
