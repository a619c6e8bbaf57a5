#pragma once

#include <cstdint>
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
    bool nostream = false;
    std::string replicatefrom;

    TANIST_FIELDS(nofailover, failover_priority, nostream, replicatefrom);
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
    config::Dynamic::SyncMode synchronous_mode{};
    /// Slots are asked for by name, or are to be left alone.
    bool names_slots = false;
    /// There is something to store in /config.
    bool filled = false;

    TANIST_FIELDS(timing, maximum_lag_on_failover, primary_start_timeout, primary_race_backoff,
                  member_slots_ttl, check_timeline, pause, failsafe_mode, synchronous_mode, names_slots,
                  filled);
  } dynamic;
  struct Postgresql {
    std::string data_dir;
    bool use_pg_rewind = false;
    bool use_slots = false;
    bool remove_data_directory_on_rewind_failure = false;
    bool remove_data_directory_on_diverged_timelines = false;
    /// A way to make a replica that needs no leader.
    bool clones_without_leader = false;

    TANIST_FIELDS(data_dir, use_pg_rewind, use_slots, remove_data_directory_on_rewind_failure,
                  remove_data_directory_on_diverged_timelines, clones_without_leader);
  } postgresql;
  /// There is a bootstrap section: this member may make a new cluster.
  bool may_bootstrap = false;
  Duration silent_primary_timeout{};
  /// Where the cluster's keys are, for messages.
  std::string base_path;
  /// config::modes_not_served
  std::vector<std::string> modes_not_served;

  TANIST_FIELDS(tags, dynamic, postgresql, may_bootstrap, silent_primary_timeout, base_path,
                modes_not_served);
};

PolicySettings policy_settings(const config::Settings& settings);

}  // namespace tanist::ha
