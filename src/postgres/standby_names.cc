#include "postgres/standby_names.h"

#include <fmt/format.h>

#include <cstdlib>
#include <optional>
#include <utility>
#include <vector>

namespace tanist::postgres {
namespace {

constexpr int kFirstWithSeveral = 90600;
constexpr int kFirstWithAny = 100000;

bool is_blank(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_ascii_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

bool begins_word(char c) {
  return is_ascii_letter(c) || static_cast<unsigned char>(c) >= 0x80;
}

bool goes_on_in_word(char c) {
  return begins_word(c) || is_digit(c) || c == '$';
}

bool is_keyword(std::string_view word) {
  return same_name(word, "any") || same_name(word, "first");
}

struct Token {
  enum class Kind { word, quoted, number, sign, end } kind = Kind::end;
  std::string text;
  /// Counted from 1.
  std::size_t at = 0;

  bool is_sign(char c) const { return kind == Kind::sign && text[0] == c; }
  bool is_name() const {
    return kind == Kind::word || kind == Kind::quoted || kind == Kind::number || is_sign('*');
  }
};
using Tokens = std::vector<Token>;

/// What stands between the quotes that open at `at`, which is left behind the closing ones.
std::optional<std::string> take_quoted(std::string_view text, std::size_t& at) {
  std::string inner;
  for (++at; at < text.size(); ++at) {
    if (text[at] == '"') {
      ++at;
      if (at == text.size() || text[at] != '"') return inner;
    }
    inner += text[at];
  }
  return std::nullopt;
}

std::expected<Tokens, std::string> tokens_of(std::string_view text) {
  using Kind = Token::Kind;
  Tokens tokens;
  std::size_t at = 0;
  const auto take_while = [&](bool (*belongs)(char)) {
    const std::size_t begin = at;
    while (at < text.size() && belongs(text[at])) ++at;
    return std::string(text.substr(begin, at - begin));
  };
  while (at < text.size()) {
    const char c = text[at];
    const std::size_t place = at + 1;
    if (is_blank(c)) {
      ++at;
    } else if (is_digit(c)) {
      tokens.push_back({Kind::number, take_while(is_digit), place});
    } else if (begins_word(c)) {
      tokens.push_back({Kind::word, take_while(goes_on_in_word), place});
    } else if (c == '"') {
      auto inner = take_quoted(text, at);
      if (!inner)
        return std::unexpected(fmt::format("the quotes that open at character {} do not end", place));
      tokens.push_back({Kind::quoted, std::move(*inner), place});
    } else if (c == ',' || c == '(' || c == ')' || c == '*') {
      tokens.push_back({Kind::sign, std::string(1, c), place});
      ++at;
    } else {
      return std::unexpected(fmt::format("character {} may stand in quotes only", place));
    }
  }
  tokens.push_back({Kind::end, "", text.size() + 1});
  return tokens;
}

/// A number as the server takes it: what does not fit wraps around.
int number_of(const std::string& digits) {
  return static_cast<int>(std::strtol(digits.c_str(), nullptr, 10));
}

std::string unexpected_token(const Token& found, std::string_view wanted) {
  if (found.kind == Token::Kind::end) return fmt::format("ends where {} is expected", wanted);
  return fmt::format("\"{}\" at character {}, where {} is expected", found.text, found.at, wanted);
}

std::string in_list(const std::string& name) {
  bool bare = !name.empty() && is_ascii_letter(name[0]) && !is_keyword(name);
  for (const char c : name) bare = bare && (is_ascii_letter(c) || is_digit(c) || c == '$');
  if (bare) return name;
  std::string quoted = "\"";
  for (const char c : name) quoted.append(c == '"' ? 2 : 1, c);
  return quoted + "\"";
}

}  // namespace

std::expected<StandbyNames, std::string> parse_standby_names(std::string_view text) {
  if (text.empty()) return StandbyNames{};
  const auto tokens = tokens_of(text);
  if (!tokens) return std::unexpected(tokens.error());

  using Kind = Token::Kind;
  StandbyNames value{.kind = StandbyNames::Kind::priority, .count = 1};
  auto next = tokens->begin();
  // A server of 9.6 has no keywords, and takes such names bare: they are keywords only before a number.
  if (next->kind == Kind::word && is_keyword(next->text) && std::next(next)->kind == Kind::number) {
    if (same_name(next->text, "any")) value.kind = StandbyNames::Kind::quorum;
    ++next;
    if (!std::next(next)->is_sign('(')) return std::unexpected(unexpected_token(*std::next(next), "\"(\""));
  }
  const bool counted = next->kind == Kind::number && std::next(next)->is_sign('(');
  if (counted) {
    value.count = number_of(next->text);
    if (value.count <= 0)
      return std::unexpected(fmt::format("the number of synchronous standbys is {}", next->text));
    next += 2;
  }
  while (true) {
    if (!next->is_name()) return std::unexpected(unexpected_token(*next, "a name"));
    value.any = value.any || next->text == "*";
    value.names.insert(next->text);
    ++next;
    if (!next->is_sign(',')) break;
    ++next;
  }
  if (counted) {
    if (!next->is_sign(')')) return std::unexpected(unexpected_token(*next, "\",\" or \")\""));
    ++next;
  }
  if (next->kind != Kind::end)
    return std::unexpected(unexpected_token(*next, counted ? "the end" : "\",\" or the end"));

  if (value.any) {
    value.names = {std::string(kStrictPlaceholder)};
  } else if (value.names == NameSet{std::string(kStrictPlaceholder)}) {
    value.names.clear();
  }
  return value;
}

std::string to_text(const StandbyNames& value, int server_version) {
  std::vector<std::string> names = in_text_order(value.names);
  if (value.any || value.names.contains("*") || (names.empty() && value.count >= 1))
    names = {std::string(kStrictPlaceholder)};
  if (value.kind == StandbyNames::Kind::off || names.empty()) return {};

  const bool current = server_version == 0;
  const bool quorum = value.kind == StandbyNames::Kind::quorum;
  if (!current && server_version < kFirstWithSeveral) return in_list(names.front());
  if (!quorum && names.size() == 1) return in_list(names.front());
  for (auto& name : names) name = in_list(name);
  const bool any = quorum && (current || server_version >= kFirstWithAny);
  // No server takes a number below 1; all of them is what loses nothing.
  const int count = value.count >= 1 ? value.count : static_cast<int>(names.size());
  return fmt::format("{}{} ({})", any ? "ANY " : "", count, fmt::join(names, ","));
}

}  // namespace tanist::postgres
