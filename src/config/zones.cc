#include "config/zones.h"

#include <algorithm>
#include <set>

#include "config/validate.h"
#include "core/format.h"

namespace tanist::config {
namespace {

constexpr std::string_view kSame = "same";
constexpr std::string_view kAllowed = "allowed: same, or a list of zones";

const Document* below(const Document& dynamic, std::string_view key) {
  const Document* section = dynamic.is_map() ? dynamic.find(kZonesKey) : nullptr;
  const Document* value = section && section->is_map() ? section->find(key) : nullptr;
  return value && !value->is_null() ? value : nullptr;
}

}  // namespace

bool is_zone(const Document& value) {
  return (value.is_string() || value.is_int() || value.is_double()) && !value.text().empty();
}

std::string preference_complaint(const Document& prefer) {
  if (prefer.is_null()) return {};
  if (prefer.is_string() && prefer.as_string() == kSame) return {};
  if (!prefer.is_list()) return fmt::format("given {}, {}", describe(prefer), kAllowed);
  if (prefer.size() == 0) return fmt::format("given an empty list, {}", kAllowed);
  std::set<std::string> seen;
  for (const auto& zone : prefer.as_list()) {
    if (!is_zone(zone)) return fmt::format("a zone in the list is {}, allowed: a string", describe(zone));
    if (!seen.insert(zone.text()).second) return fmt::format("the zone {} is named twice", zone.text());
  }
  return {};
}

Zones zones_of(const Document& dynamic) {
  Zones out;
  const Key& count = *find_key("synchronous_zones.min_other_zones", Scope::dynamic);
  if (const Document* given = below(dynamic, "min_other_zones"))
    if (const auto number = parse_int(*given); number && *number >= *count.min && *number <= *count.max)
      out.min_other_zones = static_cast<int>(*number);
  const Document* prefer = below(dynamic, "prefer");
  if (!prefer || !preference_complaint(*prefer).empty()) return out;
  out.prefer_same = prefer->is_string();
  if (prefer->is_list())
    for (const auto& zone : prefer->as_list()) out.prefer.push_back(zone.text());
  return out;
}

std::vector<std::string> zones_complaints(const Document& dynamic) {
  std::vector<std::string> out;
  const Document* section = dynamic.is_map() ? dynamic.find(kZonesKey) : nullptr;
  if (!section) return out;
  Problems found;
  validate(Document::map({{std::string(kZonesKey), *section}}), Scope::dynamic, "", found);
  for (const auto& problem : found) {
    out.push_back(fmt::format("{}: {}", problem.key, problem.text));
    if (!problem.hint.empty()) out.back() += "\nHINT: " + problem.hint;
  }
  return out;
}

}  // namespace tanist::config
