#include "ha/model/policy_settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tanist::ha {
namespace {

using namespace std::chrono_literals;

/// Names of fields that have the value they are made with.
struct Untouched {
  std::vector<std::string> names;

  template <class T>
  void operator()(const char* name, const T& value) {
    if constexpr (requires { T::fields(*this, value); }) {
      T::fields(*this, value);
    } else if (value == T{}) {
      names.emplace_back(name);
    }
  }
};

std::vector<std::string> untouched(const config::Settings& settings) {
  const PolicySettings made = policy_settings(settings);
  Untouched found;
  PolicySettings::fields(found, made);
  return found.names;
}

/// Nothing in it is as PolicySettings has it before it is filled: a field that is not filled is seen.
TEST(PolicySettings, each_field_is_taken_from_the_configuration) {
  config::Settings s;
  s.scope = "demo";
  s.tags = {.nofailover = true,
            .failover_priority = 2,
            .nosync = true,
            .sync_priority = 3,
            .nostream = true,
            .replicatefrom = "n2",
            .zone = "east"};
  s.dynamic.timing.ttl = 31s;
  s.dynamic.maximum_lag_on_failover = 1;
  s.dynamic.primary_start_timeout = s.dynamic.primary_race_backoff = s.dynamic.member_slots_ttl = 1s;
  s.dynamic.check_timeline = s.dynamic.pause = s.dynamic.failsafe_mode = true;
  s.dynamic.standby_cluster = true;
  s.dynamic.remote.host = "10.9.0.1";
  s.dynamic.remote.primary_slot_name = "site";
  s.dynamic.synchronous_mode = config::Dynamic::SyncMode::on;
  s.dynamic.synchronous_mode_strict = true;
  s.dynamic.synchronous_node_count = 2;
  s.dynamic.maximum_lag_on_syncnode = 1;
  s.dynamic.zones = {.min_other_zones = 1, .prefer_same = true, .prefer = {"east"}};
  s.dynamic.raw = Document::map({{"ttl", 31}});
  s.dynamic.permanent_slots = {{.name = "feed"}};
  s.dynamic.ignored_slots = {{.name = "a"}};
  s.postgresql.parameters["sync_replication_slots"] = "on";
  s.postgresql.data_dir = "/data";
  s.postgresql.use_pg_rewind = s.postgresql.use_slots = s.postgresql.replays_late = true;
  s.postgresql.remove_data_directory_on_rewind_failure = true;
  s.postgresql.remove_data_directory_on_diverged_timelines = true;
  s.postgresql.copying.replica_methods["restore"].no_leader = true;
  s.bootstrap.present = true;
  s.silent_primary_timeout = 60s;
  s.dynamic.standby_slots = true;
  EXPECT_THAT(untouched(s), ::testing::IsEmpty());
}

TEST(PolicySettings, the_namespace_is_in_the_path) {
  config::Settings s;
  s.name_space = "service";
  s.scope = "demo";
  EXPECT_EQ(policy_settings(s).base_path, "/service/demo");
}

}  // namespace
}  // namespace tanist::ha
