#include "config/sections/dynamic.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "config/build.h"
#include "config/validate.h"
#include "unit/config/sample.h"
#include "unit/config/thread_time.h"

namespace tanist::config {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;

Timing timing(std::string_view text) {
  return build_dynamic(*accept_dynamic(json(text))).timing;
}

TEST(Dynamic, timing_defaults) {
  EXPECT_EQ(timing("{}"), (Timing{seconds(30), seconds(10), seconds(10)}));
  EXPECT_EQ(to_json(*accept_dynamic(json("{}"))), "{}");
}

TEST(Dynamic, a_lease_may_be_short_where_that_is_said) {
  Problems notes;
  const std::string wanted = R"("ttl":4,"loop_wait":1,"retry_timeout":1)";
  const auto accepted = accept_dynamic(json("{" + wanted + R"(,"tanist":{"short_lease":true}})"), notes);
  ASSERT_TRUE(accepted) << accepted.error();
  EXPECT_TRUE(notes.empty()) << notes[0].text;
  const Dynamic d = build_dynamic(*accepted);
  EXPECT_TRUE(d.short_lease);
  EXPECT_EQ(d.timing, (Timing{seconds(4), seconds(1), seconds(1)}));
  EXPECT_EQ(d.usual_timing, (Timing{seconds(20), seconds(1), seconds(3)}))
      << "as members of another make have it";
  // Shorter than that none is, and without the word none is short.
  EXPECT_EQ(timing(R"({"ttl":1,"loop_wait":1,"retry_timeout":0,"tanist":{"short_lease":"on"}})"),
            (Timing{seconds(3), seconds(1), seconds(1)}));
  const Dynamic usual = build_dynamic(*accept_dynamic(json("{" + wanted + "}"), notes));
  EXPECT_FALSE(usual.short_lease);
  EXPECT_EQ(usual.timing, usual.usual_timing);
  EXPECT_EQ(usual.timing.ttl, seconds(20));
}

TEST(Dynamic, timing_is_adjusted_to_fit_the_ttl) {
  EXPECT_EQ(timing(R"({"ttl":20,"loop_wait":11,"retry_timeout":5})"),
            (Timing{seconds(20), seconds(10), seconds(5)}));
  EXPECT_EQ(timing(R"({"ttl":20,"loop_wait":10,"retry_timeout":10})"),
            (Timing{seconds(20), seconds(1), seconds(9)}));
  EXPECT_EQ(timing(R"({"ttl":10,"loop_wait":50,"retry_timeout":30})"),
            (Timing{seconds(20), seconds(1), seconds(9)}));
  EXPECT_EQ(timing(R"({"ttl":30,"loop_wait":10,"retry_timeout":10})"),
            (Timing{seconds(30), seconds(10), seconds(10)}));
  EXPECT_EQ(timing(R"({"loop_wait":0,"retry_timeout":1})"), (Timing{seconds(30), seconds(1), seconds(3)}));
  EXPECT_EQ(timing(R"({"ttl":"60","loop_wait":" 5 ","retry_timeout":7.9})"),
            (Timing{seconds(60), seconds(5), seconds(7)}));
}

TEST(Dynamic, adjustments_are_written_into_the_copy_and_said) {
  Problems notes;
  const auto adjusted =
      accept_dynamic(json(R"({"ttl":10,"loop_wait":50,"retry_timeout":30,"mine":1})"), notes);
  EXPECT_EQ(to_json(*adjusted), R"({"ttl":20,"loop_wait":1,"retry_timeout":9,"mine":1})");
  ASSERT_GE(notes.size(), 2u);
  EXPECT_EQ(notes[0].text, "ttl=10 can't be smaller than 20, adjusting...");
  EXPECT_EQ(notes[1].text,
            "Violated the rule \"loop_wait + 2*retry_timeout <= ttl\", where ttl=20. Adjusting loop_wait "
            "from 50 to 1 and "
            "retry_timeout from 30 to 9");
  notes.clear();
  EXPECT_EQ(to_json(*accept_dynamic(json(R"({"ttl":20,"loop_wait":11,"retry_timeout":5})"), notes)),
            R"({"ttl":20,"loop_wait":10,"retry_timeout":5})");
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_EQ(notes[0].text,
            "Violated the rule \"loop_wait + 2*retry_timeout <= ttl\", where ttl=20. Adjusting loop_wait "
            "from 11 to 10");
}

TEST(Dynamic, an_adjusted_configuration_is_accepted_unchanged) {
  const auto once = *accept_dynamic(json(R"({"ttl":11,"loop_wait":9,"retry_timeout":"40"})"));
  Problems notes;
  EXPECT_EQ(*accept_dynamic(once, notes), once);
  EXPECT_TRUE(notes.empty());
}

TEST(Dynamic, unusable_timing_refuses_the_whole) {
  for (const char* text :
       {R"({"ttl":"abc"})", R"({"loop_wait":[]})", R"({"retry_timeout":null})", R"({"ttl":"30.5"})",
        R"({"ttl":1e300})", R"({"retry_timeout":9223372036854775807})", R"({"ttl":{}})"})
    EXPECT_FALSE(accept_dynamic(json(text))) << text;
  EXPECT_EQ(accept_dynamic(json(R"({"ttl":"abc"})")).error(),
            "ttl: given \"abc\" (a string), allowed: an integer of at least 20 (s)");
}

TEST(Dynamic, wrong_shapes_refuse_the_whole) {
  EXPECT_FALSE(accept_dynamic(json("[]")));
  EXPECT_FALSE(accept_dynamic(json("5")));
  EXPECT_FALSE(accept_dynamic(Document()));
  EXPECT_FALSE(accept_dynamic(json(R"({"postgresql":[1]})")));
  EXPECT_EQ(accept_dynamic(json(R"({"postgresql":{"parameters":[1]}})")).error(),
            "postgresql.parameters is not a dictionary");
  EXPECT_TRUE(accept_dynamic(json(R"({"postgresql":{"parameters":null}})")));
  EXPECT_TRUE(accept_dynamic(json(R"({"postgresql":null})")));
}

TEST(Dynamic, values_are_typed) {
  const auto d = build_dynamic(*accept_dynamic(json(
      R"({"maximum_lag_on_failover":"33","primary_start_timeout":0,"primary_stop_timeout":5,"pause":"on",
          "failsafe_mode":true,"check_timeline":"yes","member_slots_ttl":"30min","max_timelines_history":3,
          "synchronous_mode_strict":"true","synchronous_node_count":"3","maximum_lag_on_syncnode":4096,
          "primary_race_backoff":2})")));
  EXPECT_EQ(d.maximum_lag_on_failover, 33);
  EXPECT_EQ(d.primary_start_timeout, seconds(0));
  EXPECT_EQ(d.primary_stop_timeout, seconds(5));
  EXPECT_EQ(d.primary_race_backoff, seconds(2));
  EXPECT_EQ(d.member_slots_ttl, seconds(1800));
  EXPECT_EQ(d.max_timelines_history, 3);
  EXPECT_TRUE(d.pause);
  EXPECT_TRUE(d.failsafe_mode);
  EXPECT_TRUE(d.check_timeline);
  EXPECT_TRUE(d.synchronous_mode_strict);
  EXPECT_EQ(d.synchronous_node_count, 3);
  EXPECT_EQ(d.maximum_lag_on_syncnode, 4096);
}

TEST(Dynamic, unusable_values_give_their_defaults_and_a_warning) {
  Problems notes;
  const auto d = build_dynamic(*accept_dynamic(
      json(
          R"({"maximum_lag_on_failover":"x","primary_start_timeout":"x","pause":[],"max_timelines_history":1e300})"),
      notes));
  EXPECT_EQ(d.maximum_lag_on_failover, 1048576);
  EXPECT_EQ(d.primary_start_timeout, seconds(300));
  EXPECT_EQ(d.max_timelines_history, 0);
  EXPECT_FALSE(d.pause);
  ASSERT_EQ(notes.size(), 4u);
  EXPECT_EQ(to_string(notes[0]),
            "dynamic configuration: maximum_lag_on_failover: given \"x\" (a string), allowed: an integer "
            "(bytes); "
            "the default is used");
  EXPECT_FALSE(has_errors(notes));
}

TEST(Dynamic, a_lag_below_0_keeps_every_replica_from_being_promoted) {
  Problems notes;
  for (const char* value : {"-1", "\"-1\"", "-5"})
    EXPECT_LT(build_dynamic(
                  *accept_dynamic(json(std::string(R"({"maximum_lag_on_failover":)") + value + "}"), notes))
                  .maximum_lag_on_failover,
              0);
  EXPECT_TRUE(notes.empty());
}

/// As many undeclared keys as methods, none of which names another.
Document crowded(int keys, int methods) {
  Document section = Document::map();
  for (int i = 0; i < keys; ++i) section.entries().push_back({"undeclared_" + std::to_string(i), 1, 0});
  Document list = Document::list();
  for (int i = 0; i < methods; ++i) list.push_back("method_" + std::to_string(i));
  for (int i = 0; i < methods; ++i) list.push_back(Document::list({i}));
  section.entries().push_back({"create_replica_methods", std::move(list), 0});
  return section;
}

TEST(Dynamic, many_unknown_keys_beside_many_methods_do_not_hold_up_the_control_thread) {
  const Document raw = Document::map({{"postgresql", crowded(5'000, 40'000)}});
  const Document local = Document::map({{"postgresql", crowded(5'000, 40'000)}});
  const auto base = load_text(kMinimal).value();
  // One look at each method for each key took minutes; this takes some tens of milliseconds.
  constexpr double kBoundMs = kTimed ? 500 : 5'000;
  EXPECT_LT(median_ms(1,
                      [&] {
                        Problems notes;
                        const auto accepted = accept_dynamic(raw, notes).value();
                        EXPECT_EQ(build(base, accepted, notes).postgresql.copying.replica_methods.size(),
                                  40'000u);
                        EXPECT_EQ(notes.size(), 200u);
                      }),
            kBoundMs);
  EXPECT_LT(median_ms(1,
                      [&] {
                        Problems found;
                        validate(local, Scope::local, "f.yml", found);
                        EXPECT_FALSE(found.empty());
                      }),
            kBoundMs);
}

TEST(Dynamic, older_names_count_when_the_new_ones_are_absent) {
  EXPECT_EQ(build_dynamic(json(R"({"master_start_timeout":7})")).primary_start_timeout, seconds(7));
  EXPECT_EQ(
      build_dynamic(json(R"({"master_start_timeout":7,"primary_start_timeout":8})")).primary_start_timeout,
      seconds(8));
  EXPECT_EQ(build_dynamic(json(R"({"master_start_timeout":"x"})")).primary_start_timeout, seconds(300));
  EXPECT_EQ(build_dynamic(json(R"({"master_stop_timeout":9})")).primary_stop_timeout, seconds(9));
}

TEST(Dynamic, synchronous_mode_is_off_on_or_quorum) {
  using Mode = Dynamic::SyncMode;
  EXPECT_EQ(build_dynamic(json(R"({"synchronous_mode":"Quorum"})")).synchronous_mode, Mode::quorum);
  EXPECT_EQ(build_dynamic(json(R"({"synchronous_mode":true})")).synchronous_mode, Mode::on);
  EXPECT_EQ(build_dynamic(json(R"({"synchronous_mode":"on"})")).synchronous_mode, Mode::on);
  EXPECT_EQ(build_dynamic(json(R"({"synchronous_mode":"maybe"})")).synchronous_mode, Mode::off);
  EXPECT_EQ(build_dynamic(json("{}")).synchronous_mode, Mode::off);
  const auto standby = build_dynamic(json(R"({"synchronous_mode":true,"standby_cluster":{"host":"x"}})"));
  EXPECT_EQ(standby.synchronous_mode, Mode::off);
  EXPECT_TRUE(standby.standby_cluster);
  EXPECT_EQ(standby.remote.host, "x");
  EXPECT_EQ(standby.remote.port, 5432);
  EXPECT_FALSE(build_dynamic(json(R"({"standby_cluster":{"host":"","port":0,"primary_slot_name":"s"}})"))
                   .standby_cluster);
  EXPECT_TRUE(build_dynamic(json(R"({"standby_cluster":{"restore_command":"cp"}})")).standby_cluster);
}

TEST(Dynamic, counts_and_limits_of_synchronous_mode_that_cannot_be_are_the_defaults) {
  for (const char* text : {"{}", R"({"synchronous_node_count":0,"maximum_lag_on_syncnode":-2})",
                           R"({"synchronous_node_count":-1,"maximum_lag_on_syncnode":"1MB"})",
                           R"({"synchronous_node_count":null,"maximum_lag_on_syncnode":null})"}) {
    EXPECT_EQ(build_dynamic(json(text)).synchronous_node_count, 1) << text;
    EXPECT_EQ(build_dynamic(json(text)).maximum_lag_on_syncnode, -1) << text;
  }
  EXPECT_EQ(build_dynamic(json(R"({"synchronous_node_count":99999999999})")).synchronous_node_count,
            std::numeric_limits<int>::max());
}

TEST(Dynamic, of_another_cluster_that_is_followed_all_is_read) {
  const auto given =
      json(R"({"standby_cluster":{"host":"a, b","port":"5433","primary_slot_name":"s","restore_command":"r",)"
           R"("archive_cleanup_command":"c","recovery_min_apply_delay":3000}})");
  const auto remote = build_dynamic(given).remote;
  EXPECT_EQ(remote, (StandbyCluster{.host = "a,b",
                                    .port = 5433,
                                    .primary_slot_name = "s",
                                    .restore_command = "r",
                                    .archive_cleanup_command = "c",
                                    .recovery_min_apply_delay = "3000"}));
  EXPECT_EQ(build_dynamic(json(R"({"standby_cluster":{"primary_slot_name":"s"}})")).remote, StandbyCluster())
      << "nobody is followed";
}

TEST(Dynamic, sections_of_methods_of_a_standby_cluster_are_known) {
  Problems notes;
  EXPECT_TRUE(accept_dynamic(
      json(
          R"({"standby_cluster":{"host":"a","create_replica_methods":["wal_e"]},"postgresql":{"wal_e":{}}})"),
      notes));
  EXPECT_TRUE(notes.empty());
}

TEST(Dynamic, a_port_that_is_none_of_another_cluster_is_told) {
  Problems notes;
  EXPECT_TRUE(accept_dynamic(json(R"({"standby_cluster":{"host":"a","port":70000}})"), notes));
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_EQ(notes[0].key, "standby_cluster.port");
  EXPECT_EQ(build_dynamic(json(R"({"standby_cluster":{"host":"a","port":70000}})")).remote.port, 5432);
}

TEST(Dynamic, keys_of_the_local_file_and_unknown_ones_are_named) {
  Problems notes;
  EXPECT_TRUE(
      accept_dynamic(json(R"({"loop_wiat":3,"postgresql":{"data_dir":"/x"},"slots":{"a":{}}})"), notes));
  EXPECT_THAT(texts(notes),
              ::testing::ElementsAre(
                  "dynamic configuration: loop_wiat: unknown key, ignored\nHINT: did you mean loop_wait?",
                  "dynamic configuration: postgresql.data_dir: has no effect here: it is read from the local "
                  "configuration only"));
}

TEST(Dynamic, no_shape_of_json_breaks_the_reader) {
  const std::vector<std::string> values = {"null",  "true", "0",     "-1", "1e300",     "\"\"",
                                           "\"x\"", "[]",   "[[1]]", "{}", "{\"a\":{}}"};
  std::vector<std::string> names = {"ttl",
                                    "postgresql",
                                    "standby_cluster",
                                    "slots",
                                    "synchronous_mode",
                                    "member_slots_ttl",
                                    "primary_stop_timeout",
                                    "master_start_timeout",
                                    "ignore_slots",
                                    "pause"};
  for (const auto& name : names)
    for (const auto& value : values) {
      const auto raw = json("{\"" + name + "\":" + value + "}");
      if (const auto accepted = accept_dynamic(raw)) (void)build_dynamic(*accepted);
      (void)build_dynamic(raw);
    }
}

}  // namespace
}  // namespace tanist::config
