#include "postgres/parameters/parameters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/postgres/sample_settings.h"

namespace tanist::postgres {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

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

TEST(Parameters, wal_kept_is_counted_in_the_unit_of_the_version) {
  auto settings = sample();
  EXPECT_EQ(effective_parameters(settings, 130000).at("wal_keep_size"), "128MB");
  EXPECT_EQ(effective_parameters(settings, 120000).at("wal_keep_segments"), "8");
  settings.postgresql.parameters["wal_keep_size"] = "1GB";
  EXPECT_EQ(effective_parameters(settings, 130000).at("wal_keep_size"), "1GB");
  EXPECT_EQ(effective_parameters(settings, 120000).at("wal_keep_segments"), "64");
  EXPECT_FALSE(effective_parameters(settings, 120000).contains("wal_keep_size"));
  settings.postgresql.parameters["wal_keep_segments"] = "3";
  EXPECT_EQ(effective_parameters(settings, 130000).at("wal_keep_size"), "1GB");
  EXPECT_EQ(effective_parameters(settings, 120000).at("wal_keep_segments"), "3");
}

TEST(Parameters, an_old_server_does_not_get_those_it_does_not_know) {
  auto settings = sample();
  for (const char* name :
       {"track_commit_timestamp", "max_replication_slots", "max_worker_processes", "wal_log_hints"})
    settings.postgresql.parameters[name] = "8";
  const auto known = [&](int version) {
    std::vector<std::string> names;
    for (const auto& [name, value] : effective_parameters(settings, version)) names.push_back(name);
    return names;
  };
  EXPECT_THAT(known(90300), ElementsAre("listen_addresses", "max_connections", "port", "wal_keep_segments",
                                        "wal_level", "work_mem"));
  EXPECT_THAT(known(90400), testing::Contains("wal_log_hints"));
  EXPECT_THAT(known(90400), testing::Not(testing::Contains("cluster_name")));
  EXPECT_THAT(known(90500), testing::Contains("cluster_name"));
}

TEST(Parameters, paths_of_the_users_own_files_are_seen_from_config_dir) {
  auto settings = sample();
  settings.postgresql.parameters["HBA_file"] = "mine.conf";
  settings.postgresql.parameters["ident_file"] = "/etc/ident.conf";
  EXPECT_EQ(effective_parameters(settings, 150000).at("hba_file"), "/data/pg/mine.conf");
  settings.postgresql.config_dir = "/etc/pg";
  EXPECT_EQ(effective_parameters(settings, 150000).at("hba_file"), "/etc/pg/mine.conf");
  EXPECT_EQ(effective_parameters(settings, 150000).at("ident_file"), "/etc/ident.conf");
}

TEST(Parameters, controlled_ones_go_on_the_command_line_in_order) {
  const auto options = command_line_options(effective_parameters(sample(), 150000));
  EXPECT_EQ(options,
            (std::vector<std::string>{"--listen_addresses=127.0.0.1", "--port=5433", "--cluster_name=demo",
                                      "--wal_level=replica", "--max_connections=100"}));
}

TEST(Parameters, what_the_server_would_refuse_is_left_out) {
  Parameters parameters{{"max_connections", "10"}, {"datestyle", "ISO"}, {"fsync", "maybe"},
                        {"nonsense", "1"},         {"a.b", "x"},         {"trace_sort", "on"},
                        {"work_mem", "1kB"}};
  const OtherParameters none;
  const auto warnings = remove_invalid(parameters, &none, 150000);
  EXPECT_EQ(parameters, (Parameters{{"max_connections", "10"},
                                    {"datestyle", "ISO"},
                                    {"a.b", "x"},
                                    {"trace_sort", "on"},
                                    {"work_mem", "64"}}));
  EXPECT_THAT(
      warnings,
      ElementsAre("Removing bool parameter=fsync from the config due to the invalid value=maybe",
                  "Removing unexpected parameter=nonsense value=1 from the config",
                  "parameter=work_mem value=1kB is below what PostgreSQL accepts, 64kB is used instead"));
}

TEST(Parameters, whole_numbers_have_no_fraction_before_version_12) {
  Parameters parameters{
      {"work_mem", "1.5MB"}, {"autovacuum_vacuum_cost_delay", "2.5ms"}, {"max_connections", "0x1e"}};
  remove_invalid(parameters, nullptr, 110000);
  EXPECT_EQ(
      parameters,
      (Parameters{{"work_mem", "1536"}, {"autovacuum_vacuum_cost_delay", "2"}, {"max_connections", "0x1e"}}));
  parameters = {{"work_mem", "1.5MB"}};
  remove_invalid(parameters, nullptr, 120000);
  EXPECT_EQ(parameters.at("work_mem"), "1.5MB");
}

TEST(Parameters, names_of_another_version_are_unexpected) {
  Parameters parameters{{"checkpoint_segments", "3"}, {"io_method", "sync"}};
  const OtherParameters none;
  EXPECT_EQ(remove_invalid(parameters, &none, 150000).size(), 2u);
  parameters = {{"checkpoint_segments", "3"}, {"io_method", "sync"}};
  EXPECT_THAT(remove_invalid(parameters, &none, 90400), ElementsAre(testing::HasSubstr("io_method")));
  EXPECT_EQ(parameters, (Parameters{{"checkpoint_segments", "3"}}));
}

TEST(Parameters, names_that_only_the_server_knows_are_asked_for) {
  const auto others = parse_describe_config(
      "max_connections\tpostmaster\tg\tINTEGER\t100\t1\t262143\td\t\nFuture_"
      "thing\tuser\tg\tSTRING\t\t\t\td\t\n\nx\n",
      150000);
  EXPECT_EQ(others, (OtherParameters{"future_thing"}));
  Parameters parameters{{"future_thing", "x"}};
  EXPECT_TRUE(needs_description(parameters, 150000));
  EXPECT_THAT(remove_invalid(parameters, &others, 150000), IsEmpty());
  EXPECT_FALSE(needs_description({{"work_mem", "1"}, {"a.b", "1"}, {"restore_command", "1"}}, 150000));
  // Where the binary cannot be asked the table decides: a server without a setting is better than none.
  parameters["work_mem"] = "1MB";
  EXPECT_THAT(remove_invalid(parameters, nullptr, 150000), ElementsAre(testing::HasSubstr("future_thing")));
  EXPECT_EQ(parameters, (Parameters{{"work_mem", "1MB"}}));
}

TEST(Parameters, recovery_parameters_are_judged_by_their_own_table) {
  Parameters parameters{{"recovery_min_apply_delay", "-5"},
                        {"recovery_target_action", "dance"},
                        {"restore_command", "cp"},
                        {"work_mem", "1MB"}};
  const auto warnings = remove_invalid_recovery(parameters, 150000);
  EXPECT_EQ(parameters, (Parameters{{"recovery_min_apply_delay", "0"}, {"restore_command", "cp"}}));
  EXPECT_EQ(warnings.size(), 3u);
}

TEST(Parameters, a_standby_gets_at_least_what_its_primary_had) {
  Parameters parameters{{"max_connections", "50"}, {"max_wal_senders", "20"}};
  const auto raised = raise_to_required(
      parameters, {{"max_connections", 100}, {"max_wal_senders", 10}, {"max_worker_processes", 8}});
  EXPECT_EQ(parameters, (Parameters{{"max_connections", "100"}, {"max_wal_senders", "20"}}));
  EXPECT_EQ(raised, (Parameters{{"max_connections", "50"}}));
}

TEST(Parameters, the_role_has_the_last_word) {
  auto settings = std::make_shared<config::Settings>(sample());
  settings->postgresql.pg_hba = {"local all all trust"};
  const config::SettingsPtr plain = settings;
  EXPECT_EQ(settings_for(plain, Role::primary), plain);
  auto overlay = std::make_shared<config::Settings>(*settings);
  overlay->postgresql.role_overlays["replica"] = {
      {{"work_mem", "64MB"}}, {"local all all peer"}, {"map a b"}};
  for (const Role role : {Role::replica, Role::demoted}) {
    const auto replica = settings_for(overlay, role);
    EXPECT_EQ(replica->postgresql.parameters.at("work_mem"), "64MB");
    EXPECT_THAT(replica->postgresql.pg_hba, ElementsAre("local all all peer"));
    EXPECT_THAT(replica->postgresql.pg_ident, ElementsAre("map a b"));
    EXPECT_EQ(replica->name, "node 1");
  }
  for (const Role role : {Role::primary, Role::promoted, Role::standby_leader, Role::uninitialized})
    EXPECT_THAT(settings_for(overlay, role)->postgresql.pg_hba, ElementsAre("local all all trust"));
}

TEST(Parameters, the_binary_tells_its_minor_version) {
  EXPECT_EQ(parse_binary_version("postgres (PostgreSQL) 15.20 (Debian 15.20-1)\n"), 150020);
  EXPECT_EQ(parse_binary_version("postgres (PostgreSQL) 9.6.24\n"), 90624);
  EXPECT_EQ(parse_binary_version("postgres (PostgreSQL) 18beta1"), 180000);
  EXPECT_EQ(parse_binary_version("something else"), 0);
}

}  // namespace
}  // namespace tanist::postgres
