#include "config/dynamic_cache.h"

#include "config/dynamic.h"
#include "core/format.h"

namespace tanist::config {

std::string dynamic_cache_path(std::string_view data_dir) {
  return fmt::format("{}/patroni.dynamic.json", data_dir);
}

std::string encode_dynamic_cache(const Document& dynamic) {
  return to_spaced_json(dynamic);
}

std::expected<Document, std::string> decode_dynamic_cache(std::string_view text) {
  const auto parsed = parse_json(text);
  if (!parsed) return std::unexpected("invalid JSON: " + parsed.error());
  return accept_dynamic(*parsed);
}

}  // namespace tanist::config
