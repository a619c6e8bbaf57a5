#include "config/change.h"

#include "config/dynamic.h"

namespace tanist::config {

std::optional<std::string> refused_change(const Document& current, const Document& next) {
  const auto accepted = accept_dynamic(next);
  if (accepted) return std::nullopt;
  if (accept_dynamic(current) || !next.is_map()) return accepted.error();
  Document changed = Document::map();
  for (const auto& [key, value, line] : next.entries()) {
    const Document* before = current.find(key);
    if (before == nullptr || !equal_by_text(*before, value)) changed.set(key, value);
  }
  const auto those = accept_dynamic(changed);
  return those ? std::nullopt : std::optional(those.error());
}

}  // namespace tanist::config
