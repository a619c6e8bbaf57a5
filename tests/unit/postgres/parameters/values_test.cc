#include "postgres/parameters/values.h"

#include <gtest/gtest.h>

namespace tanist::postgres {
namespace {

CheckedValue check(std::string_view name, const std::string& value, int version = 150000) {
  const auto rule = parameter_rule(name, version);
  if (!rule) {
    ADD_FAILURE() << name << " is not in the table";
    return {};
  }
  return check_value(name, value, *rule);
}

TEST(ParameterValues, truth_values_are_taken_in_any_spelling) {
  for (const char* good : {"on", "OFF", "True", "false", "yes", "No", "1", "0"})
    EXPECT_EQ(check("fsync", good).value, good);
  for (const char* bad : {"", "maybe", "2", "onn"}) EXPECT_EQ(check("fsync", bad).value, std::nullopt) << bad;
  EXPECT_EQ(check("fsync", "maybe").message,
            "Removing bool parameter=fsync from the config due to the invalid value=maybe");
}

TEST(ParameterValues, whole_numbers_may_have_a_unit_and_any_base) {
  for (const char* good : {"16MB", "4096", "0x1000", "010000", "1 GB", "4097.5kB", "16MB "})
    EXPECT_EQ(check("shared_buffers", good).value, good);
  for (const char* bad : {"", "many", "10 apples", "16mb", "5min", "1."}) {
    EXPECT_EQ(check("shared_buffers", bad).value, std::nullopt) << bad;
  }
  EXPECT_EQ(check("max_connections", "10MB").value, std::nullopt);
  EXPECT_EQ(check("max_connections", "ten").message,
            "Removing integer parameter=max_connections from the config due to the invalid value=ten");
}

TEST(ParameterValues, a_number_out_of_bounds_becomes_the_bound_in_the_base_unit) {
  const auto low = check("shared_buffers", "8kB");
  EXPECT_EQ(low.value, "16");
  EXPECT_EQ(low.message,
            "parameter=shared_buffers value=8kB is below what PostgreSQL accepts, 128kB is used instead");
  EXPECT_EQ(check("max_connections", "300000").value, "262143");
  EXPECT_EQ(check("max_connections", "300000", 90500).value, "300000");
  EXPECT_EQ(check("autovacuum_vacuum_cost_delay", "1min").value, "100");
  EXPECT_EQ(check("checkpoint_completion_target", "1.5").value, "1");
  EXPECT_EQ(check("geqo_selection_bias", "1").value, "1.5");
  EXPECT_EQ(check("work_mem", "64kB").message, "");
}

TEST(ParameterValues, real_numbers_are_decimal) {
  for (const char* good : {"0.5", ".5", "1e-1", "+0.25", " 1"})
    EXPECT_EQ(check("checkpoint_completion_target", good).value, good);
  for (const char* bad : {"", "half", "0x1", "1e", "-", "--1", "nan", "inf", "1 ms"})
    EXPECT_EQ(check("checkpoint_completion_target", bad).value, std::nullopt) << bad;
  EXPECT_EQ(check("vacuum_cost_delay", "1500us").value, "1500us");
  EXPECT_EQ(check("vacuum_cost_delay", "half").message,
            "Removing real parameter=vacuum_cost_delay from the config due to the invalid value=half");
}

TEST(ParameterValues, enumerations_take_their_words_in_any_case) {
  EXPECT_EQ(check("wal_level", "Logical").value, "Logical");
  EXPECT_EQ(check("transaction_isolation", "repeatable read").value, "repeatable read");
  EXPECT_EQ(check("ssl_max_protocol_version", "").value, "");
  EXPECT_EQ(check("ssl_min_protocol_version", "").value, std::nullopt);
  EXPECT_EQ(check("wal_level", "everything").message,
            "Removing enum parameter=wal_level from the config due to the invalid value=everything");
  EXPECT_EQ(check("synchronous_commit", "remote_apply").value, "remote_apply");
  EXPECT_EQ(check("synchronous_commit", "remote_apply", 90500).value, std::nullopt);
  EXPECT_EQ(check("synchronous_commit", "off").value, "off");
  EXPECT_EQ(check("huge_pages", "perhaps").message,
            "Removing enumbool parameter=huge_pages from the config due to the invalid value=perhaps");
}

TEST(ParameterValues, texts_are_taken_as_they_are) {
  EXPECT_EQ(check("archive_command", "cp %p '/a'").value, "cp %p '/a'");
  EXPECT_EQ(check("datestyle", "").value, "");
}

TEST(ParameterValues, what_runs_is_compared_by_meaning) {
  EXPECT_TRUE(same_value("integer", "8kB", "2048", "16MB"));
  EXPECT_TRUE(same_value("integer", "8kB", "2048", "2048"));
  EXPECT_FALSE(same_value("integer", "8kB", "2048", "17MB"));
  EXPECT_FALSE(same_value("integer", "8kB", "2048", "much"));
  EXPECT_TRUE(same_value("integer", "s", "1800", "30min"));
  EXPECT_TRUE(same_value("integer", "", "100", "0144"));
  EXPECT_TRUE(same_value("bool", "", "on", "True"));
  EXPECT_FALSE(same_value("bool", "", "on", "perhaps"));
  EXPECT_TRUE(same_value("real", "ms", "2", "2000us"));
  EXPECT_TRUE(same_value("real", "", "0.333333", "0.3333333"));
  EXPECT_FALSE(same_value("real", "", "0.5", "0.6"));
  EXPECT_TRUE(same_value("enum", "", "replica", "REPLICA"));
  EXPECT_TRUE(same_value("enum", "", "on", "true"));
  EXPECT_FALSE(same_value("enum", "", "replica", "logical"));
  EXPECT_FALSE(same_value("string", "", "ISO", "iso"));
}

TEST(ParameterValues, they_are_shown_in_the_largest_exact_unit) {
  EXPECT_EQ(human_value(16384, "8kB"), "128MB");
  EXPECT_EQ(human_value(65, "kB"), "65kB");
  EXPECT_EQ(human_value(60000, "ms"), "1min");
  EXPECT_EQ(human_value(-1, "ms"), "-1");
  EXPECT_EQ(human_value(0, "kB"), "0");
  EXPECT_EQ(human_value(1'000'000'000'000'000'000, "TB"), "1000000000000000000");
  EXPECT_EQ(human_text("131072kB", "integer", "8kB"), "128MB");
  EXPECT_EQ(human_text("16384", "integer", "8kB"), "128MB");
  EXPECT_EQ(human_text("200", "integer", ""), "200");
  EXPECT_EQ(human_text("?", "integer", "8kB"), "?");
  EXPECT_EQ(human_text("", "integer", "8kB"), "");
  EXPECT_EQ(human_text("0.5", "real", "ms"), "0.5ms");
  EXPECT_EQ(human_text("2", "real", "ms"), "2ms");
  EXPECT_EQ(human_text("1024", "string", ""), "1024");
}

}  // namespace
}  // namespace tanist::postgres
