#include "ha/model/policy_settings.h"

#include <algorithm>
#include <map>
#include <string>

#include "config/modes.h"
#include "core/document.h"

namespace tanist::ha {
namespace {

bool is_on(const std::map<std::string, std::string>& parameters, const char* name) {
  const auto found = parameters.find(name);
  return found != parameters.end() && parse_bool(Document(found->second)).value_or(false);
}

}  // namespace

PolicySettings policy_settings(const config::Settings& from) {
  PolicySettings s;
  s.tags.nofailover = from.tags.nofailover;
  s.tags.failover_priority = from.tags.failover_priority;
  s.tags.nosync = from.tags.nosync;
  s.tags.sync_priority = from.tags.sync_priority;
  s.tags.nostream = from.tags.nostream;
  s.tags.replicatefrom = from.tags.replicatefrom;
  s.tags.zone = from.tags.zone;
  s.dynamic.timing = from.dynamic.timing;
  s.dynamic.maximum_lag_on_failover = from.dynamic.maximum_lag_on_failover;
  s.dynamic.primary_start_timeout = from.dynamic.primary_start_timeout;
  s.dynamic.primary_race_backoff = from.dynamic.primary_race_backoff;
  s.dynamic.member_slots_ttl = from.dynamic.member_slots_ttl;
  s.dynamic.check_timeline = from.dynamic.check_timeline;
  s.dynamic.pause = from.dynamic.pause;
  s.dynamic.failsafe_mode = from.dynamic.failsafe_mode;
  s.dynamic.standby_cluster = from.dynamic.standby_cluster;
  s.remote = {from.dynamic.remote.host, from.dynamic.remote.port, from.dynamic.remote.primary_slot_name};
  s.dynamic.synchronous_mode = from.dynamic.synchronous_mode;
  s.dynamic.synchronous_strict = from.dynamic.synchronous_mode_strict;
  s.dynamic.synchronous_node_count = from.dynamic.synchronous_node_count;
  s.dynamic.maximum_lag_on_syncnode = from.dynamic.maximum_lag_on_syncnode;
  s.dynamic.min_other_zones = from.dynamic.zones.min_other_zones;
  s.dynamic.prefer_same_zone = from.dynamic.zones.prefer_same;
  s.dynamic.preferred_zones = from.dynamic.zones.prefer;
  s.dynamic.permanent_slots = from.dynamic.permanent_slots;
  s.dynamic.ignored_slots = from.dynamic.ignored_slots;
  s.dynamic.standby_slots = from.dynamic.standby_slots;
  s.dynamic.filled = from.dynamic.raw.size() > 0;
  s.postgresql.data_dir = from.postgresql.data_dir;
  s.postgresql.use_pg_rewind = from.postgresql.use_pg_rewind;
  s.postgresql.use_slots = from.postgresql.use_slots;
  s.postgresql.replays_late = from.postgresql.replays_late;
  s.postgresql.remove_data_directory_on_rewind_failure =
      from.postgresql.remove_data_directory_on_rewind_failure;
  s.postgresql.remove_data_directory_on_diverged_timelines =
      from.postgresql.remove_data_directory_on_diverged_timelines;
  s.postgresql.clones_without_leader = std::ranges::any_of(
      from.postgresql.copying.replica_methods, [](const auto& method) { return method.second.no_leader; });
  s.postgresql.sync_replication_slots = is_on(from.postgresql.parameters, "sync_replication_slots");
  s.may_bootstrap = from.bootstrap.present;
  s.silent_primary_timeout = from.silent_primary_timeout;
  s.base_path = from.base_path();
  s.conn_url = from.conn_url();
  s.api_url = from.api_url();
  return s;
}

}  // namespace tanist::ha
