#include "ctl/explain/other_settings.h"

#include <gtest/gtest.h>

#include "config/keys/keys.h"
#include "ctl/settings.h"

namespace tanist::ctl::explain {
namespace {

using namespace std::chrono_literals;

ha::PolicySettings recorded_settings() {
  ha::PolicySettings out;
  out.dynamic.timing = {.ttl = 40s, .loop_wait = 7s, .retry_timeout = 12s};
  out.dynamic.maximum_lag_on_failover = 1;
  out.dynamic.check_timeline = true;
  out.tags.failover_priority = 3;
  out.tags.zone = "east";
  out.postgresql.use_slots = true;
  out.base_path = "/service/shop";
  return out;
}

ha::PolicySettings with(const std::string& key, const Document& value) {
  OtherSettings other;
  other.set(key, value);
  std::vector<std::string> notes;
  const auto out = other.over(recorded_settings(), notes);
  EXPECT_TRUE(notes.empty()) << notes.front();
  return out;
}

std::string why_not(const std::string& key, const Document& value) {
  try {
    OtherSettings().set(key, value);
  } catch (const Failure& failure) {
    return failure.what();
  }
  return {};
}

TEST(OtherSettings, what_is_set_is_all_that_changes) {
  const auto s = with("maximum_lag_on_failover", 2048);
  EXPECT_EQ(s.dynamic.maximum_lag_on_failover, 2048);
  EXPECT_EQ(s.dynamic.timing.ttl, 40s);
  EXPECT_TRUE(s.dynamic.check_timeline);
  EXPECT_EQ(s.tags.failover_priority, 3);
  EXPECT_TRUE(s.postgresql.use_slots);
  EXPECT_EQ(s.base_path, "/service/shop");
}

TEST(OtherSettings, of_times_the_recorded_others_stay) {
  const auto s = with("ttl", 50);
  EXPECT_EQ(s.dynamic.timing.ttl, 50s);
  EXPECT_EQ(s.dynamic.timing.loop_wait, 7s);
  EXPECT_EQ(s.dynamic.timing.retry_timeout, 12s);
}

TEST(OtherSettings, null_is_the_default) {
  EXPECT_EQ(with("maximum_lag_on_failover", {}).dynamic.maximum_lag_on_failover, 1048576);
  EXPECT_FALSE(with("check_timeline", {}).dynamic.check_timeline);
}

TEST(OtherSettings, values_are_those_of_configuration_files) {
  EXPECT_EQ(with("synchronous_mode", "quorum").dynamic.synchronous_mode, config::Dynamic::SyncMode::quorum);
  EXPECT_TRUE(with("pause", "on").dynamic.pause);
  EXPECT_EQ(with("tags.zone", "west").tags.zone, "west");
  EXPECT_FALSE(with("postgresql.use_slots", false).postgresql.use_slots);
  EXPECT_TRUE(with("postgresql.use_pg_rewind", "yes").postgresql.use_pg_rewind);
  EXPECT_EQ(with("tanist.silent_primary_timeout", 60).silent_primary_timeout, 60s);
}

TEST(OtherSettings, one_tag_says_what_another_means) {
  EXPECT_TRUE(with("tags.failover_priority", 0).tags.nofailover);
  EXPECT_TRUE(with("tags.nofailover", true).tags.nofailover);
}

TEST(OtherSettings, what_members_would_make_of_times_that_do_not_fit_is_noted) {
  OtherSettings other;
  other.set("retry_timeout", 30);
  std::vector<std::string> notes;
  const auto s = other.over(recorded_settings(), notes);
  ASSERT_FALSE(notes.empty());
  EXPECT_LE(s.dynamic.timing.loop_wait + 2 * s.dynamic.timing.retry_timeout, 40s);
}

TEST(OtherSettings, a_key_that_is_not_known_is_told_with_the_nearest) {
  EXPECT_EQ(why_not("maximum_lag_on_failove", 1),
            "unknown setting 'maximum_lag_on_failove'; did you mean 'maximum_lag_on_failover'?");
  EXPECT_TRUE(
      why_not("slots", Document::map())
          .starts_with(
              "no recorded decision can be made again with another 'slots'\nHINT: these can be set: ttl, "));
}

TEST(OtherSettings, a_value_that_is_not_taken_is_told_with_what_is) {
  EXPECT_EQ(why_not("maximum_lag_on_failover", "x"), "given \"x\" (a string), allowed: an integer (bytes)");
  EXPECT_EQ(why_not("tags.nofailover", "perhaps"),
            "given \"perhaps\" (a string), allowed: " +
                config::allowed_values(*config::find_key("tags.nofailover")));
}

TEST(OtherSettings, each_key_is_one_of_the_configuration_and_can_be_set_to_its_default) {
  for (const auto& key : OtherSettings::keys()) {
    EXPECT_TRUE(config::find_key(key)) << key;
    std::vector<std::string> notes;
    OtherSettings other;
    other.set(key, {});
    other.over(recorded_settings(), notes);
  }
}

}  // namespace
}  // namespace tanist::ctl::explain
