#include "setup/secrets.h"

#include <algorithm>
#include <array>

#include "config/keys/keys.h"
#include "config/yaml/secrets_in_text.h"
#include "core/text.h"

namespace tanist::setup {
namespace {

std::string_view leaf(std::string_view path) {
  const auto dot = path.rfind('.');
  return dot == std::string_view::npos ? path : path.substr(dot + 1);
}

}  // namespace

bool is_secret(std::string_view path) {
  if (const config::Key* key = config::find_key(path)) return key->secret;
  const std::string name = lower(leaf(path));
  constexpr std::array<std::string_view, 9> kWords = {"password", "passphrase", "token",
                                                      "secret",   "auth_data",  "authorization",
                                                      "cookie",   "api-key",    "apikey"};
  for (const auto word : kWords)
    if (name.ends_with(word)) return true;
  return path == "ctl.auth" || path == "restapi.auth" || path.starts_with("zookeeper.auth_data.") ||
         path.starts_with("exhibitor.auth_data.");
}

Document masked(const Document& value, const std::string& path) {
  if (!value.is_null() && is_secret(path)) return Document(config::kMask);
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
    std::string cleaned = config::without_passwords(value.as_string());
    if (cleaned != value.as_string()) return Document(std::move(cleaned));
  }
  return value;
}

}  // namespace tanist::setup
