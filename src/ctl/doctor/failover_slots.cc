#include <algorithm>
#include <iterator>
#include <string_view>
#include <vector>

#include "core/format.h"
#include "core/text.h"
#include "ctl/doctor/configuration.h"

/// Whether PostgreSQL itself can carry logical slots over a failover, where that is asked for.
namespace tanist::ctl::doctor {

namespace {

constexpr int kHasFailoverSlots = 170000;
constexpr const char* kKey = "tanist.synchronized_standby_slots";

bool is_on(const Document* value, bool fallback) {
  return value != nullptr && !value->is_null() ? parse_bool(*value).value_or(fallback) : fallback;
}

const Document* parameter(const Document& config, std::string_view name) {
  const Document* all = config.find_path("postgresql.parameters");
  if (all == nullptr || !all->is_map()) return nullptr;
  const auto& entries = all->entries();
  const auto found = std::ranges::find_if(entries, [&](const auto& e) { return lower(e.key) == name; });
  return found == entries.end() ? nullptr : &found->value;
}

}  // namespace

Findings judge_failover_slots(const Document& config, const std::vector<KnownServer>& servers) {
  Findings out;
  const bool asked = is_on(config.find_path(kKey), false);
  const bool synchronizes = is_on(parameter(config, "sync_replication_slots"), false);
  if (!asked) {
    if (synchronizes)
      out.push_back(
          {Grade::note, kKey,
           "is off: a consumer of a failover slot may get ahead of the standby that takes over, and "
           "miss changes then",
           ""});
    return out;
  }
  std::vector<KnownServer> old;
  std::ranges::copy_if(servers, std::back_inserter(old), [](const auto& server) {
    return server.version > 0 && server.version < kHasFailoverSlots;
  });
  if (!old.empty())
    out.push_back({Grade::warning, kKey,
                   fmt::format("has no effect on {}: it needs PostgreSQL 17", named_versions(old)), ""});
  if (!is_on(config.find_path("postgresql.use_slots"), true))
    out.push_back({Grade::warning, kKey, "has no effect while postgresql.use_slots is off", ""});
  if (!synchronizes)
    out.push_back({Grade::warning, kKey,
                   "is on, and sync_replication_slots is off: standbys do not copy failover slots",
                   "edit-config -p sync_replication_slots=on"});
  const Document* level = parameter(config, "wal_level");
  if (level == nullptr || lower(level->text()) != "logical")
    out.push_back({Grade::warning, kKey, "is on, and wal_level is not logical: there can be no logical slots",
                   "edit-config -p wal_level=logical, and restart"});
  if (parameter(config, "synchronized_standby_slots") != nullptr)
    out.push_back({Grade::warning, "postgresql.parameters.synchronized_standby_slots",
                   fmt::format("has no effect while {} is on", kKey), ""});
  return out;
}

}  // namespace tanist::ctl::doctor
