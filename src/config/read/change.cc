#include "config/read/change.h"

#include <string_view>
#include <unordered_map>

#include "config/sections/controlled.h"
#include "config/sections/dynamic.h"

namespace tanist::config {

namespace {

const Document* parameters_of(const Document& dynamic) {
  const Document* out = dynamic.find_path("postgresql.parameters");
  return out && out->is_map() ? out : nullptr;
}

/// Of the parameters that all members need alike only what is changed: a value that somebody stored long ago
/// does not keep the rest from being changed.
std::optional<std::string> refused_parameter(const Document& current, const Document& next) {
  const Document* wanted = parameters_of(next);
  if (!wanted) return std::nullopt;
  const Document* stored = parameters_of(current);
  for (const auto& [name, value, line] : wanted->entries()) {
    const auto refused = refused_value(name, value);
    if (!refused) continue;
    const Document* before = stored ? stored->find(name) : nullptr;
    if (!before || !equal_by_text(*before, value)) return "postgresql.parameters." + name + ": " + *refused;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> refused_change(const Document& current, const Document& next) {
  if (auto refused = refused_parameter(current, next)) return refused;
  const auto accepted = accept_dynamic(next);
  if (accepted) return std::nullopt;
  if (accept_dynamic(current) || !next.is_map()) return accepted.error();
  Document changed = Document::map();
  // Keys of a document are distinct: nothing has to be searched for.
  std::unordered_map<std::string_view, const Document*> stored;
  if (current.is_map())
    for (const auto& entry : current.entries()) stored.emplace(entry.key, &entry.value);
  for (const auto& entry : next.entries()) {
    const auto before = stored.find(entry.key);
    if (before == stored.end() || !equal_by_text(*before->second, entry.value))
      changed.entries().push_back(entry);
  }
  const auto those = accept_dynamic(changed);
  return those ? std::nullopt : std::optional(those.error());
}

}  // namespace tanist::config
