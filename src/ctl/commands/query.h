#pragma once

#include <optional>
#include <string>

#include "ctl/command.h"
#include "ctl/commands/dsn.h"
#include "ctl/sql_client.h"

namespace tanist::ctl {

struct QueryCommand {
  std::string cluster;
  MemberWanted wanted;
  std::string sql;
  std::optional<std::string> user;
  std::optional<std::string> password;
  std::optional<std::string> database;
  Format format = Format::tsv;
  std::string delimiter = "\t";
  /// From the beginning of one round to that of the next; nullopt: once.
  std::optional<Duration> every;
};

/// Has a member carry out SQL, and prints the rows (ctl.md §8). What went wrong is a row, too, as in
/// patronictl; in words it stands on the error stream. Throws Failure.
Ending run_query(const QueryCommand& command, ClusterStore& store, SqlClient& client,
                 const Terminal& terminal);

Command query_command();

}  // namespace tanist::ctl
