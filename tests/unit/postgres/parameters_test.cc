#include "postgres/parameters.h"

#include <gtest/gtest.h>

#include "unit/postgres/sample_settings.h"

namespace tanist::postgres {
namespace {

TEST(Parameters, the_fixed_ones_are_filled_in_and_old_names_translated) {
  auto settings = sample();
  settings.postgresql.parameters["wal_keep_segments"] = "10";
  settings.postgresql.parameters["primary_conninfo"] = "x";
  const auto parameters = effective_parameters(settings, 150000);
  EXPECT_EQ(parameters.at("listen_addresses"), "127.0.0.1");
  EXPECT_EQ(parameters.at("port"), "5433");
  EXPECT_EQ(parameters.at("cluster_name"), "demo");
  EXPECT_EQ(parameters.at("wal_level"), "replica");
  EXPECT_EQ(parameters.at("wal_keep_size"), "160MB");
  EXPECT_FALSE(parameters.contains("wal_keep_segments"));
  EXPECT_FALSE(parameters.contains("primary_conninfo"));
  EXPECT_EQ(effective_parameters(settings, 90500).at("wal_level"), "hot_standby");
}

TEST(Parameters, controlled_ones_go_on_the_command_line_in_order) {
  const auto options = command_line_options(effective_parameters(sample(), 150000));
  EXPECT_EQ(options,
            (std::vector<std::string>{"--listen_addresses=127.0.0.1", "--port=5433", "--cluster_name=demo",
                                      "--wal_level=replica", "--max_connections=100"}));
}

TEST(Parameters, what_the_server_would_refuse_is_left_out) {
  const auto known = parse_describe_config(
      "max_connections\tpostmaster\tg\tINTEGER\t100\t1\t262143\td\t\n"
      "DateStyle\tuser\tg\tSTRING\tISO\t\t\td\t\n"
      "fsync\tsighup\tg\tBOOLEAN\tTRUE\t\t\td\t\n");
  Parameters parameters{{"max_connections", "10"}, {"datestyle", "ISO"}, {"fsync", "maybe"},
                        {"nonsense", "1"},         {"a.b", "x"},         {"trace_sort", "on"}};
  const auto dropped = remove_invalid(parameters, known, 150000);
  EXPECT_EQ(
      parameters,
      (Parameters{{"max_connections", "10"}, {"datestyle", "ISO"}, {"a.b", "x"}, {"trace_sort", "on"}}));
  ASSERT_EQ(dropped.size(), 2u);
  EXPECT_EQ(dropped[0].message,
            "Removing bool parameter=fsync from the config due to the invalid value=maybe");
  EXPECT_EQ(dropped[1].message, "Removing unexpected parameter=nonsense value=1 from the config");
  for (const char* good : {"16MB", "0x10", "-1", "1.5", "10 s", "1d", "1e3"}) {
    Parameters one{{"max_connections", good}};
    EXPECT_TRUE(remove_invalid(one, known, 150000).empty()) << good;
  }
  for (const char* bad : {"", "many", "10 apples"}) {
    Parameters one{{"max_connections", bad}};
    EXPECT_FALSE(remove_invalid(one, known, 150000).empty()) << bad;
  }
}

TEST(Parameters, a_standby_gets_at_least_what_its_primary_had) {
  Parameters parameters{{"max_connections", "50"}, {"max_wal_senders", "20"}};
  const auto raised = raise_to_required(parameters, {{"max_connections", 100}, {"max_wal_senders", 10}});
  EXPECT_EQ(parameters.at("max_connections"), "100");
  EXPECT_EQ(parameters.at("max_wal_senders"), "20");
  EXPECT_EQ(raised, (Parameters{{"max_connections", "50"}}));
}

TEST(Parameters, values_are_shown_in_the_largest_exact_unit) {
  EXPECT_EQ(human_value(16384, "8kB"), "128MB");
  EXPECT_EQ(human_value(65, "kB"), "65kB");
  EXPECT_EQ(human_value(60000, "ms"), "1min");
  EXPECT_EQ(human_value(-1, "ms"), "-1");
  EXPECT_EQ(human_text("131072kB", "8kB"), "128MB");
  EXPECT_EQ(human_text("200", ""), "200");
}

}  // namespace
}  // namespace tanist::postgres
