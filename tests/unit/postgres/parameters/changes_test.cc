#include "postgres/parameters/changes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tanist::postgres {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/// A row of running_parameters_query().
Row row(const std::string& name, const std::string& setting, const std::string& vartype,
        const std::string& unit, const std::string& context,
        const std::string& source = "configuration file") {
  return {name, setting, vartype, unit, context, source};
}

const Rows kRunning = {
    row("shared_buffers", "2048", "integer", "8kB", "postmaster"),
    row("wal_buffers", "64", "integer", "8kB", "postmaster", "override"),
    row("wal_segment_size", "16777216", "integer", "B", "internal", "default"),
    row("wal_block_size", "8192", "integer", "", "internal", "default"),
    row("work_mem", "4096", "integer", "kB", "user"),
    row("fsync", "on", "bool", "", "sighup"),
    row("max_connections", "100", "integer", "", "postmaster", "command line"),
    row("statement_timeout", "2000", "integer", "ms", "user", "client"),
    row("log_directory", "log", "string", "", "sighup"),
};

TEST(ParameterChanges, what_means_the_same_is_no_change) {
  Parameters wanted{
      {"shared_buffers", "16MB"}, {"work_mem", "4MB"}, {"fsync", "yes"}, {"max_connections", "0x64"}};
  const auto changes = compare_parameters(wanted, wanted, kRunning);
  EXPECT_FALSE(changes.changed);
  EXPECT_THAT(changes.lines, IsEmpty());
}

TEST(ParameterChanges, a_change_is_told_with_what_runs_and_whether_it_needs_a_restart) {
  Parameters wanted{{"shared_buffers", "131072kB"}, {"work_mem", "8MB"}, {"max_connections", "200"}};
  const auto changes = compare_parameters(wanted, {}, kRunning);
  EXPECT_TRUE(changes.changed);
  EXPECT_THAT(changes.lines,
              ElementsAre("Changed max_connections from '100' to '200' (restart might be required)",
                          "Changed shared_buffers from '16MB' to '131072kB' (restart might be required)",
                          "Changed work_mem from '4MB' to '8MB'"));
  const PendingRestart buffers{"16MB", "128MB"};
  const PendingRestart connections{"100", "200"};
  EXPECT_EQ(changes.restart, (std::map<std::string, PendingRestart>{{"max_connections", connections},
                                                                    {"shared_buffers", buffers}}));
}

TEST(ParameterChanges, one_that_vanished_goes_back_to_its_default) {
  Parameters wanted;
  const auto changes =
      compare_parameters(wanted, {{"work_mem", "4MB"}, {"shared_buffers", "16MB"}}, kRunning);
  EXPECT_THAT(changes.lines,
              ElementsAre("Changed shared_buffers from '16MB' to '' (restart might be required)",
                          "Changed work_mem from '4MB' to ''"));
  EXPECT_EQ(changes.restart.at("shared_buffers").new_value, "");
}

TEST(ParameterChanges, one_set_back_before_the_restart_is_written_again) {
  Parameters wanted{{"max_connections", "100"}};
  const auto changes = compare_parameters(wanted, {{"max_connections", "200"}}, kRunning);
  EXPECT_THAT(changes.lines, ElementsAre("Changed max_connections from '200' to '100'"));
  EXPECT_TRUE(changes.changed);
  EXPECT_TRUE(changes.restart.empty());
}

TEST(ParameterChanges, names_that_the_server_does_not_have_are_left_out) {
  Parameters wanted{{"no_such", "1"}, {"work_mem", "4MB"}};
  const auto changes = compare_parameters(wanted, {{"gone_too", "1"}}, kRunning);
  EXPECT_THAT(changes.warnings,
              ElementsAre("Removing invalid parameter `no_such` from postgresql.parameters"));
  EXPECT_FALSE(wanted.contains("no_such"));
  EXPECT_FALSE(changes.changed);
}

TEST(ParameterChanges, custom_names_are_compared_as_text_with_what_was_written) {
  Parameters wanted{{"app.flag", "2"}, {"app.same", "x"}};
  const auto changes =
      compare_parameters(wanted, {{"app.flag", "1"}, {"app.same", "x"}, {"app.gone", "1"}}, kRunning);
  EXPECT_THAT(changes.lines,
              ElementsAre("Changed app.flag from '1' to '2'", "Changed app.gone from '1' to ''"));
}

TEST(ParameterChanges, a_value_of_the_asking_session_tells_nothing) {
  Parameters wanted{{"statement_timeout", "5s"}};
  EXPECT_FALSE(compare_parameters(wanted, wanted, kRunning).changed);
  const auto changes = compare_parameters(wanted, {{"statement_timeout", "1s"}}, kRunning);
  EXPECT_THAT(changes.lines, ElementsAre("Changed statement_timeout from '1s' to '5s'"));
}

TEST(ParameterChanges, wal_buffers_of_minus_one_is_the_share_of_shared_buffers) {
  for (const char* same : {"-1", "64", "512kB"}) {
    Parameters wanted{{"wal_buffers", same}};
    EXPECT_FALSE(compare_parameters(wanted, wanted, kRunning).changed) << same;
  }
  Parameters wanted;
  EXPECT_FALSE(compare_parameters(wanted, {{"wal_buffers", "-1"}}, kRunning).changed);
  wanted["wal_buffers"] = "1MB";
  EXPECT_TRUE(compare_parameters(wanted, {}, kRunning).restart.contains("wal_buffers"));
}

TEST(ParameterChanges, recovery_and_internal_parameters_are_not_compared) {
  Parameters wanted{{"hot_standby", "on"}, {"restore_command", "x"}, {"wal_segment_size", "1"}};
  EXPECT_FALSE(compare_parameters(wanted, {{"primary_conninfo", "y"}}, kRunning).changed);
  EXPECT_THAT(parameters_to_compare(wanted, {{"primary_conninfo", "y"}}), ElementsAre("wal_segment_size"));
}

TEST(ParameterChanges, what_an_adopted_server_was_given_counts_as_written_before) {
  const Rows rows{{"work_mem", "4MB"}, {"primary_conninfo", "host=a"}, {"hot_standby", "on"}};
  EXPECT_EQ(parse_adopted_parameters(rows), (Parameters{{"work_mem", "4MB"}}));
  EXPECT_NE(adopted_parameters_query().find("'max_connections'"), std::string::npos);
}

}  // namespace
}  // namespace tanist::postgres
