#include "config/yaml/secrets_in_text.h"

#include <algorithm>

#include "core/text.h"

namespace tanist::config {
namespace {

using std::string_view;
constexpr auto npos = std::string::npos;
constexpr string_view kBlanks = " \t\r\n";

bool is_quote(char c) {
  return c == '\'' || c == '"';
}

/// Between the first colon and the last @ of a URL: a password may hold / ? # and @ that nobody escaped.
/// Returns where the URL ends.
std::size_t mask_url(std::string& text, std::size_t scheme_end) {
  constexpr string_view kScheme = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.";
  const auto scheme_before = [&](std::size_t at) {
    const auto before = at == 0 ? npos : text.find_last_not_of(kScheme, at - 1);
    return before == npos ? 0 : before + 1;
  };
  const auto begin = scheme_end + 3;
  const auto start = scheme_before(scheme_end);
  auto end = std::min(text.find_first_of(kBlanks, begin), text.size());
  if (start > 0 && is_quote(text[start - 1])) end = std::min(end, text.find(text[start - 1], begin));
  if (const auto next = text.find("://", begin); next < end) end = std::max(begin, scheme_before(next));
  const auto at = string_view(text).substr(0, end).rfind('@');
  const auto colon = text.find(':', begin);
  if (at == npos || at < begin || colon > at) return end;
  text.replace(colon + 1, at - colon - 1, kMask);
  return end - (at - colon - 1) + kMask.size();
}

/// `user:password@host` where somebody left the scheme out.
void mask_word(std::string& text, std::size_t begin, std::size_t& end) {
  const string_view word = string_view(text).substr(begin, end - begin);
  const auto colon = word.find(':');
  const auto at = word.rfind('@');
  if (word.find("://") != npos || colon == npos || at == npos || colon > at) return;
  text.replace(begin + colon + 1, at - colon - 1, kMask);
  end = end - (at - colon - 1) + kMask.size();
}

/// The end of a value of a connection string or command line: quoted with doubled quotes or backslashes
/// inside, or up to a blank (`&` where it is a parameter of a URL) that no backslash precedes.
std::size_t value_end(string_view text, std::size_t begin, bool in_url) {
  const char quote = begin < text.size() && is_quote(text[begin]) ? text[begin] : '\0';
  for (auto i = begin + (quote ? 1 : 0); i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (quote) {
      if (text[i] != quote) continue;
      if (i + 1 >= text.size() || text[i + 1] != quote) return i + 1;
      ++i;
    } else if (kBlanks.find(text[i]) != npos || (in_url && text[i] == '&')) {
      return i;
    }
  }
  return text.size();
}

/// `password = …`, in any case, with or without blanks.
std::string mask_values(const std::string& text, string_view name) {
  const std::string folded = lower(text);
  std::string out;
  std::size_t done = 0;
  for (auto at = folded.find(name); at != npos; at = folded.find(name, std::max(done, at + 1))) {
    auto begin = folded.find_first_not_of(kBlanks, at + name.size());
    if (begin == npos || folded[begin] != '=') continue;
    begin = std::min(folded.find_first_not_of(kBlanks, begin + 1), text.size());
    const auto before = at == 0 ? npos : folded.find_last_of("?& \t", at - 1);
    const bool in_url = before != npos && (folded[before] == '?' || folded[before] == '&');
    out += string_view(text).substr(done, begin - done);
    out += kMask;
    done = value_end(text, begin, in_url);
  }
  return out + text.substr(done);
}

/// `Authorization: …` of a command line, up to the quote that it stands in.
std::string mask_header(std::string text) {
  constexpr string_view kName = "authorization";
  for (auto at = lower(text).find(kName); at != npos; at = lower(text).find(kName, at + 1)) {
    auto begin = text.find_first_not_of(kBlanks, at + kName.size());
    if (begin == npos || text[begin] != ':') continue;
    begin = std::min(text.find_first_not_of(kBlanks, begin + 1), text.size());
    const bool quoted = at > 0 && is_quote(text[at - 1]);
    const auto end = std::min(quoted ? text.find(text[at - 1], begin) : text.find('\n', begin), text.size());
    text.replace(begin, end - begin, kMask);
  }
  return text;
}

}  // namespace

std::string without_passwords(std::string text) {
  for (auto at = text.find("://"); at != npos;) at = text.find("://", mask_url(text, at));
  for (auto begin = text.find_first_not_of(kBlanks); begin != npos;) {
    auto end = std::min(text.find_first_of(kBlanks, begin), text.size());
    mask_word(text, begin, end);
    begin = text.find_first_not_of(kBlanks, end);
  }
  for (const string_view name : {"password", "passwd", "radiussecrets", "secret", "token"})
    text = mask_values(text, name);
  return mask_header(std::move(text));
}

}  // namespace tanist::config
