#include "postgres/client/connection.h"

#include <gtest/gtest.h>

#include "unit/postgres/sample_settings.h"

namespace tanist::postgres {
namespace {

TEST(LocalParameters, prefer_the_socket_where_asked_and_this_host_otherwise) {
  auto settings = sample();
  EXPECT_EQ(local_parameters(settings, settings.postgresql.accounts.superuser, false).at("host"),
            "localhost");
  settings.postgresql.listen_addresses = "10.1.2.3, 10.1.2.4";
  EXPECT_EQ(local_parameters(settings, settings.postgresql.accounts.superuser, false).at("host"), "10.1.2.3");
  settings.postgresql.use_unix_socket = true;
  EXPECT_FALSE(local_parameters(settings, settings.postgresql.accounts.superuser, false).contains("host"));
  settings.postgresql.parameters["unix_socket_directories"] = ", /run/pg,/tmp";
  EXPECT_EQ(local_parameters(settings, settings.postgresql.accounts.superuser, false).at("host"), "/run/pg");
  EXPECT_EQ(local_parameters(settings, settings.postgresql.accounts.replication, true).at("host"),
            "10.1.2.3");
}

TEST(LocalParameters, a_relative_or_abstract_socket_is_no_way) {
  auto settings = sample();
  settings.postgresql.use_unix_socket = true;
  settings.postgresql.parameters["unix_socket_directories"] = "run, @abstract/x";
  EXPECT_EQ(local_parameters(settings, settings.postgresql.accounts.superuser, false).at("host"),
            "localhost");
  settings.postgresql.parameters["unix_socket_directories"] = "run, @abstract/x, /run/pg";
  EXPECT_EQ(local_parameters(settings, settings.postgresql.accounts.superuser, false).at("host"), "/run/pg");
}

TEST(LocalParameters, the_address_of_what_runs_counts) {
  auto settings = sample();
  settings.postgresql.krbsrvname = "pg";
  const LocalAddress before = local_address(settings);
  settings.postgresql.port = 6000;
  settings.postgresql.listen_addresses = "10.1.2.3";
  EXPECT_NE(before, local_address(settings));
  const auto parameters = local_parameters(settings, before, settings.postgresql.accounts.superuser, false);
  EXPECT_EQ(parameters.at("port"), "5433");
  EXPECT_EQ(parameters.at("host"), "localhost");
  EXPECT_EQ(parameters.at("krbsrvname"), "pg");
}

}  // namespace
}  // namespace tanist::postgres
