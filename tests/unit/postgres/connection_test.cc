#include "postgres/connection.h"

#include <gtest/gtest.h>

#include "unit/postgres/sample_settings.h"

namespace tanist::postgres {
namespace {

TEST(LocalParameters, prefer_the_socket_where_asked_and_this_host_otherwise) {
  auto settings = sample();
  EXPECT_EQ(local_parameters(settings, settings.postgresql.superuser, false).at("host"), "localhost");
  settings.postgresql.listen_addresses = "10.1.2.3, 10.1.2.4";
  EXPECT_EQ(local_parameters(settings, settings.postgresql.superuser, false).at("host"), "10.1.2.3");
  settings.postgresql.use_unix_socket = true;
  EXPECT_FALSE(local_parameters(settings, settings.postgresql.superuser, false).contains("host"));
  settings.postgresql.parameters["unix_socket_directories"] = ", /run/pg,/tmp";
  EXPECT_EQ(local_parameters(settings, settings.postgresql.superuser, false).at("host"), "/run/pg");
  EXPECT_EQ(local_parameters(settings, settings.postgresql.replication, true).at("host"), "10.1.2.3");
}

}  // namespace
}  // namespace tanist::postgres
