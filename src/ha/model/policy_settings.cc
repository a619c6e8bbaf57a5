#include "ha/model/policy_settings.h"

#include <algorithm>
#include <string_view>

#include "config/modes.h"
#include "core/document.h"

namespace tanist::ha {
namespace {

bool names_slots(const Document& dynamic) {
  constexpr std::string_view kEach[] = {"permanent_replication_slots", "permanent_slots", "slots",
                                        "ignore_slots"};
  return std::ranges::any_of(kEach, [&](std::string_view key) {
    const Document* value = dynamic.find(key);
    return value && value->truthy();
  });
}

}  // namespace

PolicySettings policy_settings(const config::Settings& from) {
  PolicySettings s;
  s.tags.nofailover = from.tags.nofailover;
  s.tags.failover_priority = from.tags.failover_priority;
  s.tags.nostream = from.tags.nostream;
  s.tags.replicatefrom = from.tags.replicatefrom;
  s.dynamic.timing = from.dynamic.timing;
  s.dynamic.maximum_lag_on_failover = from.dynamic.maximum_lag_on_failover;
  s.dynamic.primary_start_timeout = from.dynamic.primary_start_timeout;
  s.dynamic.primary_race_backoff = from.dynamic.primary_race_backoff;
  s.dynamic.member_slots_ttl = from.dynamic.member_slots_ttl;
  s.dynamic.check_timeline = from.dynamic.check_timeline;
  s.dynamic.pause = from.dynamic.pause;
  s.dynamic.failsafe_mode = from.dynamic.failsafe_mode;
  s.dynamic.synchronous_mode = from.dynamic.synchronous_mode;
  s.dynamic.names_slots = names_slots(from.dynamic.raw);
  s.dynamic.filled = from.dynamic.raw.size() > 0;
  s.postgresql.data_dir = from.postgresql.data_dir;
  s.postgresql.use_pg_rewind = from.postgresql.use_pg_rewind;
  s.postgresql.use_slots = from.postgresql.use_slots;
  s.postgresql.remove_data_directory_on_rewind_failure =
      from.postgresql.remove_data_directory_on_rewind_failure;
  s.postgresql.remove_data_directory_on_diverged_timelines =
      from.postgresql.remove_data_directory_on_diverged_timelines;
  s.postgresql.clones_without_leader = std::ranges::any_of(
      from.postgresql.copying.replica_methods, [](const auto& method) { return method.second.no_leader; });
  s.may_bootstrap = from.bootstrap.present;
  s.silent_primary_timeout = from.silent_primary_timeout;
  s.base_path = from.base_path();
  s.modes_not_served = config::modes_not_served(from.dynamic);
  return s;
}

}  // namespace tanist::ha
