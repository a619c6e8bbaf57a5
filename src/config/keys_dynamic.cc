#include "config/keys.h"

namespace tanist::config::detail {

void declare_dynamic_keys(std::vector<Key>& out) {
  constexpr auto kDynamic = Scope::dynamic;
  out.insert(
      out.end(),
      {
          {.path = "ttl", .type = Type::integer, .fallback = "30", .min = 20, .clamped = true, .unit = "s",
           .scope = kDynamic, .about = "How long a leader's lease lasts: the longest time without a primary."},
          {.path = "loop_wait", .type = Type::integer, .fallback = "10", .min = 1, .clamped = true, .unit = "s",
           .scope = kDynamic, .about = "How long a cycle waits when nothing happens."},
          {.path = "retry_timeout", .type = Type::integer, .fallback = "10", .min = 3, .clamped = true, .unit = "s",
           .scope = kDynamic,
           .about = "How long store and PostgreSQL may fail before it matters; loop_wait + 2*retry_timeout <= ttl."},
          {.path = "maximum_lag_on_failover", .type = Type::integer, .fallback = "1048576", .min = 0, .unit = "bytes",
           .scope = kDynamic, .about = "A replica further behind does not become leader."},
          {.path = "maximum_lag_on_syncnode", .type = Type::integer, .fallback = "-1", .min = -1, .unit = "bytes",
           .scope = kDynamic, .effect = Effect::none,
           .about = "A synchronous standby further behind is replaced; -1: never."},
          {.path = "check_timeline", .type = Type::boolean, .fallback = "false", .scope = kDynamic,
           .about = "A replica on an older timeline than the last leader's does not become leader."},
          {.path = "pause", .type = Type::boolean, .fallback = "false", .scope = kDynamic,
           .about = "Maintenance mode. This version obeys it by changing nothing."},
          {.path = "failsafe_mode", .type = Type::boolean, .fallback = "false", .scope = kDynamic,
           .effect = Effect::none, .about = "The primary stays one while all members agree, though the store is down."},
          {.path = "synchronous_mode", .type = Type::boolean, .fallback = "off", .allowed = "quorum", .any_case = true,
           .scope = kDynamic,
           .about = "Synchronous replication managed by Tanist. This version obeys it by promoting nobody."},
          {.path = "synchronous_mode_strict", .type = Type::boolean, .fallback = "false", .scope = kDynamic,
           .about = "Writes wait when there is no synchronous standby."},
          {.path = "synchronous_node_count", .type = Type::integer, .fallback = "1", .min = 1, .scope = kDynamic,
           .effect = Effect::none, .about = "Number of synchronous standbys."},
          {.path = "primary_start_timeout", .type = Type::integer, .fallback = "300", .min = 0, .unit = "s",
           .scope = kDynamic, .about = "How long a crashed primary may take to start before another is chosen."},
          {.path = "master_start_timeout", .type = Type::integer, .min = 0, .unit = "s", .scope = kDynamic,
           .about = "Older name of `primary_start_timeout`."},
          {.path = "primary_stop_timeout", .type = Type::integer, .fallback = "0", .min = 0, .unit = "s",
           .scope = kDynamic, .about = "How long a stop of the primary may take in synchronous mode; 0: no limit."},
          {.path = "master_stop_timeout", .type = Type::integer, .min = 0, .unit = "s", .scope = kDynamic,
           .about = "Older name of `primary_stop_timeout`."},
          {.path = "primary_race_backoff", .type = Type::integer, .fallback = "0", .min = 0, .unit = "s",
           .scope = kDynamic, .about = "How long a member that failed to become leader leaves it to others."},
          {.path = "max_timelines_history", .type = Type::integer, .fallback = "0", .min = 0, .max = 1000000,
           .scope = kDynamic, .about = "Lines kept in the history of timelines; 0: all."},
          {.path = "member_slots_ttl", .type = Type::duration, .fallback = "1800", .unit = "s", .scope = kDynamic,
           .about = "How long the replication slot of a vanished member is kept."},
          {.path = "slots", .type = Type::map, .scope = kDynamic, .effect = Effect::none,
           .about = "Permanent replication slots."},
          {.path = "permanent_replication_slots", .type = Type::map, .scope = kDynamic, .effect = Effect::none,
           .about = "Older name of `slots`."},
          {.path = "permanent_slots", .type = Type::map, .scope = kDynamic, .effect = Effect::none,
           .about = "Older name of `slots`."},
          {.path = "ignore_slots", .type = Type::list, .scope = kDynamic, .effect = Effect::none,
           .about = "Replication slots that Tanist does not touch."},
          {.path = "standby_cluster", .type = Type::map, .scope = kDynamic,
           .about = "This cluster follows another one. This version obeys it by promoting nobody."},
          {.path = "postgresql.use_slots", .type = Type::boolean, .fallback = "true", .scope = kDynamic,
           .about = "Replicas stream through replication slots."},
      });
}

}  // namespace tanist::config::detail
