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
  s.tags = {.nofailover = true, .failover_priority = 2, .nostream = true, .replicatefrom = "n2"};
  s.dynamic.timing.ttl = 31s;
  s.dynamic.maximum_lag_on_failover = 1;
  s.dynamic.primary_start_timeout = s.dynamic.primary_race_backoff = s.dynamic.member_slots_ttl = 1s;
  s.dynamic.check_timeline = s.dynamic.pause = s.dynamic.failsafe_mode = true;
  s.dynamic.synchronous_mode = config::Dynamic::SyncMode::on;
  s.dynamic.raw = Document::map({{"ignore_slots", Document::list({"a"})}});
  s.postgresql.data_dir = "/data";
  s.postgresql.use_pg_rewind = s.postgresql.use_slots = true;
  s.postgresql.remove_data_directory_on_rewind_failure = true;
  s.postgresql.remove_data_directory_on_diverged_timelines = true;
  s.postgresql.copying.replica_methods["restore"].no_leader = true;
  s.bootstrap.present = true;
  s.silent_primary_timeout = 60s;
  EXPECT_THAT(untouched(s), ::testing::IsEmpty());
}

TEST(PolicySettings, slots_are_named_by_any_of_the_keys_that_can) {
  for (const char* key : {"permanent_replication_slots", "permanent_slots", "slots", "ignore_slots"}) {
    config::Settings s;
    s.dynamic.raw = Document::map({{key, Document::map({{"a", true}})}});
    EXPECT_TRUE(policy_settings(s).dynamic.names_slots) << key;
    s.dynamic.raw = Document::map({{key, Document::map()}});
    EXPECT_FALSE(policy_settings(s).dynamic.names_slots) << key;
  }
}

TEST(PolicySettings, the_namespace_is_in_the_path) {
  config::Settings s;
  s.name_space = "service";
  s.scope = "demo";
  EXPECT_EQ(policy_settings(s).base_path, "/service/demo");
}

}  // namespace
}  // namespace tanist::ha
