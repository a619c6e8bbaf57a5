#include "config/sections/slots.h"

#include <algorithm>
#include <map>

#include "config/validate.h"
#include "core/format.h"

namespace tanist::config {
namespace {

constexpr std::size_t kLongestName = 63;

/// The key that counts, and its value; nullptr: there are none.
std::pair<std::string_view, const Document*> named_slots(const Document& dynamic) {
  for (const auto key : kPermanentSlotsKeys)
    if (const Document* value = dynamic.find(key); value && value->truthy())
      return {key, value->is_map() ? value : nullptr};
  return {kPermanentSlotsKeys[2], nullptr};
}

bool is_slot_name(std::string_view name) {
  return !name.empty() && name.size() <= kLongestName && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

std::string text_of(const Document& map, std::string_view key) {
  const Document* value = map.find(key);
  return value && value->is_scalar() && value->truthy() ? value->text() : std::string();
}

enum class Kind { physical, logical, bad };

Kind kind_of(const Document& value) {
  if (!value.truthy()) return Kind::physical;
  if (!value.is_map()) return Kind::bad;
  const std::string type = text_of(value, "type");
  const bool full = !text_of(value, "database").empty() && !text_of(value, "plugin").empty();
  if (type == "physical" || (type.empty() && !full)) return Kind::physical;
  return full && (type == "logical" || type.empty()) ? Kind::logical : Kind::bad;
}

}  // namespace

std::vector<PermanentSlot> permanent_slots(const Document& dynamic, bool standby_cluster) {
  std::map<std::string, PermanentSlot> out;
  const Document* slots = named_slots(dynamic).second;
  if (slots == nullptr) return {};
  for (const auto& [name, value, line] : slots->entries()) {
    const Kind kind = kind_of(value);
    if (kind == Kind::bad || !is_slot_name(name)) continue;
    if (kind == Kind::logical) {
      // A standby cluster decodes nothing.
      if (!standby_cluster)
        out[name] = {
            .name = name, .database = text_of(value, "database"), .plugin = text_of(value, "plugin")};
      continue;
    }
    // Beyond Patroni, which makes those of a standby cluster in any cluster.
    const std::string where = value.is_map() ? text_of(value, "cluster_type") : std::string();
    if (where == (standby_cluster ? "primary" : "standby")) continue;
    out[name] = {.name = name};
  }
  std::vector<PermanentSlot> sorted;
  for (auto& [name, slot] : out) sorted.push_back(std::move(slot));
  return sorted;
}

std::vector<SlotMatcher> ignored_slots(const Document& dynamic) {
  std::vector<SlotMatcher> out;
  if (const Document* list = dynamic.find("ignore_slots"); list && list->is_list()) {
    for (const auto& entry : list->as_list()) {
      // A name alone: what else could be meant?
      if (entry.is_string()) out.push_back({.name = entry.as_string()});
      if (!entry.is_map()) continue;
      SlotMatcher matcher{.database = text_of(entry, "database"),
                          .plugin = text_of(entry, "plugin"),
                          .type = text_of(entry, "type")};
      const Document* name = entry.find("name");
      if (name && name->is_scalar() && !name->is_null()) matcher.name = name->text();
      out.push_back(std::move(matcher));
    }
  }
  if (const Document* slots = named_slots(dynamic).second)
    for (const auto& [name, value, line] : slots->entries())
      if (kind_of(value) == Kind::bad && is_slot_name(name)) out.push_back({.name = name});
  return out;
}

std::vector<SlotComplaint> slot_complaints(const Document& dynamic) {
  std::vector<SlotComplaint> out;
  if (!dynamic.is_map()) return out;
  const auto [used, slots] = named_slots(dynamic);
  for (const auto key : kPermanentSlotsKeys)
    if (const Document* value = dynamic.find(key); value && value->truthy() && key != used)
      out.push_back(
          {std::string(key), fmt::format("has no effect beside {}: only one of them counts", used)});
  if (slots != nullptr)
    for (const auto& [name, value, line] : slots->entries()) {
      const std::string key = fmt::format("{}.{}", used, name);
      if (!is_slot_name(name)) {
        out.push_back({key, fmt::format("Invalid permanent replication slot name '{}'", name)});
        out.push_back(
            {key, "Slot name may only contain lower case letters, numbers, and the underscore chars"});
      } else if (kind_of(value) == Kind::bad) {
        out.push_back(
            {key, fmt::format("Bad value for slot '{}' in permanent_slots: {}", name, value.text())});
      } else if (value.is_map()) {
        const Document* where = value.find("cluster_type");
        if (where && where->truthy() && where->text() != "primary" && where->text() != "standby")
          out.push_back(
              {key + ".cluster_type",
               fmt::format("given {}, allowed: primary, standby; it does not count", describe(*where))});
      }
    }
  const Document* ignored = dynamic.find("ignore_slots");
  if (ignored == nullptr || !ignored->is_list()) return out;
  for (std::size_t i = 0; i < ignored->size(); ++i) {
    const Document& entry = ignored->as_list()[i];
    if (entry.is_string()) {
      out.push_back({"ignore_slots", fmt::format("item {} is {}, allowed: a mapping; it is taken for "
                                                 "the name of a slot",
                                                 i + 1, describe(entry))});
    } else if (!entry.is_map()) {
      out.push_back({"ignore_slots", fmt::format("item {} is {}, allowed: a mapping of name, type, database "
                                                 "and plugin; it fits no slot",
                                                 i + 1, describe(entry))});
    } else {
      for (const auto& [name, value, line] : entry.entries())
        if (name != "name" && name != "type" && name != "database" && name != "plugin")
          out.push_back({"ignore_slots", fmt::format("item {} has \"{}\", which does not count; allowed: "
                                                     "name, type, database, plugin",
                                                     i + 1, name)});
      const std::string type = text_of(entry, "type");
      if (!type.empty() && type != "physical" && type != "logical")
        out.push_back({"ignore_slots", fmt::format("item {} has the type \"{}\", allowed: physical, logical; "
                                                   "it fits no slot",
                                                   i + 1, type)});
    }
  }
  return out;
}

}  // namespace tanist::config
