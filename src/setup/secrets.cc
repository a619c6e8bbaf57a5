#include "setup/secrets.h"

#include <algorithm>
#include <array>

#include "config/addresses.h"
#include "config/keys.h"
#include "core/text.h"

namespace tanist::setup {
namespace {

std::string_view leaf(std::string_view path) {
  const auto dot = path.rfind('.');
  return dot == std::string_view::npos ? path : path.substr(dot + 1);
}

/// `scheme://user:password@host` and `password=…` in a connection string, without what must not be seen.
std::string without_passwords(std::string text) {
  if (const auto scheme = text.find("://"); scheme != std::string::npos) {
    const auto begin = scheme + 3;
    const auto end = text.find_first_of("/?# ", begin);
    const auto at = text.substr(0, end).rfind('@');
    if (at != std::string::npos && at > begin) {
      const auto colon = text.find(':', begin);
      if (colon < at) text.replace(colon + 1, at - colon - 1, kMask);
    }
  }
  // In connection strings, commands and options of access methods, in any case.
  for (const std::string_view marker : {"password=", "passwd=", "radiussecrets="}) {
    const std::string folded = lower(text);
    std::string out;
    std::size_t done = 0;
    for (auto at = folded.find(marker); at != std::string::npos; at = folded.find(marker, done)) {
      const auto begin = at + marker.size();
      const char quote = begin < text.size() && (text[begin] == '\'' || text[begin] == '"') ? text[begin] : 0;
      auto end = quote ? text.find(quote, begin + 1) : text.find_first_of(" &\t", begin);
      if (quote && end != std::string::npos) ++end;
      end = std::min(end, text.size());
      out += text.substr(done, begin - done);
      out += kMask;
      done = end;
    }
    text = out + text.substr(done);
  }
  return text;
}

}  // namespace

bool is_secret(std::string_view path) {
  if (const config::Key* key = config::find_key(path)) return key->secret;
  const std::string name = lower(leaf(path));
  constexpr std::array<std::string_view, 5> kWords = {"password", "passphrase", "token", "secret",
                                                      "auth_data"};
  for (const auto word : kWords)
    if (name.ends_with(word)) return true;
  return path == "ctl.auth" || path == "restapi.auth" || path.starts_with("zookeeper.auth_data.") ||
         path.starts_with("exhibitor.auth_data.");
}

Document masked(const Document& value, const std::string& path) {
  if (!value.is_null() && is_secret(path)) return Document(kMask);
  if (value.is_map()) {
    Document out = Document::map();
    out.line = value.line;
    for (const auto& entry : value.entries())
      out.set(entry.key, masked(entry.value, path.empty() ? entry.key : path + "." + entry.key));
    return out;
  }
  if (value.is_list()) {
    Document out = Document::list();
    for (const auto& item : value.as_list()) out.push_back(masked(item, path));
    return out;
  }
  if (value.is_string()) {
    std::string cleaned = without_passwords(value.as_string());
    if (cleaned != value.as_string()) return Document(std::move(cleaned));
  }
  return value;
}

}  // namespace tanist::setup
