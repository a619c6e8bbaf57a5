#include "config/sections/tags.h"

#include <algorithm>
#include <array>
#include <limits>
#include <string_view>

#include "config/zones.h"
#include "core/format.h"

namespace tanist::config {
namespace {

const Document* given(const Document& tags, std::string_view name) {
  const Document* value = tags.find(name);
  return value && !value->is_null() ? value : nullptr;
}

struct Pair {
  bool never = false;
  int priority = 1;
};

/// A boolean tag and the priority that goes with it: the boolean wins.
Pair resolve(const Document& tags, std::string_view never, std::string_view priority, Problems& problems) {
  const Document* flag = given(tags, never);
  const Document* number = given(tags, priority);
  const auto value = number ? parse_int(*number) : std::nullopt;
  if (flag && value && (flag->truthy() ? *value > 0 : *value <= 0))
    problems.push_back(Problem{
        .severity = Severity::warning,
        .text = fmt::format("Conflicting configuration between {}: {} and {}: {}. Defaulting to {}: {}",
                            never, flag->text(), priority, number->text(), never, flag->text())});
  Pair out;
  out.never = flag ? flag->truthy() : value && *value <= 0;
  const auto wanted = std::clamp<std::int64_t>(value.value_or(1), std::numeric_limits<int>::min(),
                                               std::numeric_limits<int>::max());
  out.priority = flag && flag->truthy() ? 0 : static_cast<int>(wanted);
  return out;
}

bool is_published(const Document& tags, const Document::Entry& entry) {
  constexpr std::array<std::string_view, 5> kOwn = {"clonefrom", "nofailover", "noloadbalance", "nosync",
                                                    "nostream"};
  if (std::ranges::find(kOwn, entry.key) == kOwn.end() || entry.value.truthy()) return true;
  return (entry.key == "nofailover" && tags.find("failover_priority")) ||
         (entry.key == "nosync" && tags.find("sync_priority"));
}

bool given_as_true(const Document& tags, std::string_view name) {
  const Document* value = given(tags, name);
  return value && value->truthy();
}

}  // namespace

Tags build_tags(const Document& section, Problems& problems) {
  Tags out;
  if (!section.is_map()) return out;
  out.configured = section;
  const auto [nofailover, failover_priority] = resolve(section, "nofailover", "failover_priority", problems);
  out.nofailover = nofailover;
  out.failover_priority = failover_priority;
  const auto [nosync, sync_priority] = resolve(section, "nosync", "sync_priority", problems);
  out.nosync = nosync;
  out.sync_priority = sync_priority;
  out.noloadbalance = given_as_true(section, "noloadbalance");
  out.clonefrom = given_as_true(section, "clonefrom");
  const Document* nostream = given(section, "nostream");
  out.nostream = nostream && parse_bool(*nostream).value_or(false);
  if (const Document* from = given(section, "replicatefrom"); from && from->is_scalar())
    out.replicatefrom = from->text();
  if (const Document* zone = given(section, "zone"); zone && is_zone(*zone)) out.zone = zone->text();
  for (const auto& entry : section.entries())
    if (is_published(section, entry)) out.published.set(entry.key, entry.value);
  return out;
}

}  // namespace tanist::config
