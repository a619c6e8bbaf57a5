#pragma once

#include "config/settings.h"

namespace tanist::postgres {

inline config::Settings sample() {
  config::Settings settings;
  settings.scope = "demo";
  settings.name = "node 1";
  settings.postgresql.listen_addresses = "127.0.0.1";
  settings.postgresql.port = 5433;
  settings.postgresql.data_dir = "/data/pg";
  settings.postgresql.pgpass = "/home/pg/pgpass";
  settings.postgresql.accounts.replication = {"rep", Secret("it's:a\\b"), {}};
  settings.postgresql.accounts.superuser = {"postgres", Secret("super"), {}};
  settings.postgresql.parameters = {
      {"max_connections", "100"}, {"wal_level", "hot_standby"}, {"work_mem", "4MB"}};
  return settings;
}

}  // namespace tanist::postgres
