#include "config/read/change.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>

#include "config/sections/controlled.h"
#include "config/sections/dynamic.h"
#include "config/sections/slots.h"
#include "config/validate.h"
#include "core/format.h"

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

/// What makes commits safe: members would put a default in the place of a value that they cannot use, and
/// nobody would see that less is promised than was asked for.
constexpr std::string_view kPromises[] = {"synchronous_mode", "synchronous_mode_strict",
                                          "synchronous_node_count", "maximum_lag_on_syncnode",
                                          "primary_stop_timeout"};

/// As with parameters, only what is changed.
std::optional<std::string> refused_promise(const Document& current, const Document& next) {
  constexpr std::string_view kTail = "; the default is used";
  for (const auto name : kPromises) {
    const Document* value = next.find(name);
    const Document* before = current.find(name);
    if (!value || (before && equal_by_text(*before, *value))) continue;
    Problems found;
    validate(Document::map({{std::string(name), *value}}), Scope::dynamic, "", found);
    if (found.empty()) continue;
    std::string text = found.front().text;
    if (text.ends_with(kTail)) text.resize(text.size() - kTail.size());
    return fmt::format("{}: {}", name, text);
  }
  return std::nullopt;
}

/// The same of slots.
std::optional<std::string> refused_slot(const Document& current, const Document& next) {
  const auto known = slot_complaints(current);
  for (const auto& complaint : slot_complaints(next)) {
    const bool told = std::ranges::any_of(
        known, [&](const auto& k) { return k.key == complaint.key && k.text == complaint.text; });
    if (!told) return complaint.key + ": " + complaint.text;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> refused_change(const Document& current, const Document& next) {
  if (auto refused = refused_parameter(current, next)) return refused;
  if (auto refused = refused_promise(current, next)) return refused;
  if (auto refused = refused_slot(current, next)) return refused;
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
