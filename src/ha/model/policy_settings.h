#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/settings.h"
#include "core/fields.h"
#include "core/time.h"

namespace tanist::ha {

/// Of the settings what a decision may read, and therefore what the journal records: a key that a policy asks
/// for is added here, and nowhere else can it be had. No secret is among them.
struct PolicySettings {
  struct Tags {
    bool nofailover = false;
    int failover_priority = 0;
    bool nosync = false;
    int sync_priority = 0;
    bool nostream = false;
    std::string replicatefrom;
    /// Empty: none.
    std::string zone;

    TANIST_FIELDS(nofailover, failover_priority, nosync, sync_priority, nostream, replicatefrom, zone);
  } tags;
  struct Dynamic {
    config::Timing timing;
    std::int64_t maximum_lag_on_failover = 0;
    Duration primary_start_timeout{};
    Duration primary_race_backoff{};
    Duration member_slots_ttl{};
    bool check_timeline = false;
    bool pause = false;
    bool failsafe_mode = false;
    bool standby_cluster = false;
    config::Dynamic::SyncMode synchronous_mode{};
    bool synchronous_strict = false;
    /// As configured; strict mode wants one at least.
    int synchronous_node_count = 0;
    /// Bytes; 0 or less: no limit.
    std::int64_t maximum_lag_on_syncnode = 0;
    /// config::Zones
    int min_other_zones = 0;
    bool prefer_same_zone = false;
    std::vector<std::string> preferred_zones;
    std::vector<config::PermanentSlot> permanent_slots;
    std::vector<config::SlotMatcher> ignored_slots;
    /// synchronized_standby_slots of the primary is kept in step.
    bool standby_slots = false;
    /// There is something to store in /config.
    bool filled = false;

    TANIST_FIELDS(timing, maximum_lag_on_failover, primary_start_timeout, primary_race_backoff,
                  member_slots_ttl, check_timeline, pause, failsafe_mode, standby_cluster, synchronous_mode,
                  synchronous_strict, synchronous_node_count, maximum_lag_on_syncnode, min_other_zones,
                  prefer_same_zone, preferred_zones, permanent_slots, ignored_slots, standby_slots, filled);
  } dynamic;
  struct Postgresql {
    std::string data_dir;
    bool use_pg_rewind = false;
    bool use_slots = false;
    /// config::Postgresql::replays_late
    bool replays_late = false;
    bool remove_data_directory_on_rewind_failure = false;
    bool remove_data_directory_on_diverged_timelines = false;
    /// A way to make a replica that needs no leader.
    bool clones_without_leader = false;
    /// Standbys copy failover slots by themselves (17 and later).
    bool sync_replication_slots = false;

    TANIST_FIELDS(data_dir, use_pg_rewind, use_slots, replays_late, remove_data_directory_on_rewind_failure,
                  remove_data_directory_on_diverged_timelines, clones_without_leader, sync_replication_slots);
  } postgresql;
  /// Of `standby_cluster`, whom it follows.
  struct Remote {
    std::string host;
    int port = 0;
    /// As configured; empty: none.
    std::string slot;

    TANIST_FIELDS(host, port, slot);
  } remote;
  /// There is a bootstrap section: this member may make a new cluster.
  bool may_bootstrap = false;
  Duration silent_primary_timeout{};
  /// Where the cluster's keys are, for messages.
  std::string base_path;
  /// Where others find this member, as its key says.
  std::string conn_url;
  std::string api_url;

  TANIST_FIELDS(tags, dynamic, postgresql, remote, may_bootstrap, silent_primary_timeout, base_path, conn_url,
                api_url);
};

PolicySettings policy_settings(const config::Settings& settings);

}  // namespace tanist::ha
