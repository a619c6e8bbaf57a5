#pragma once

#include <map>
#include <string>
#include <vector>

#include "postgres/client/connection.h"
#include "postgres/parameters/parameters.h"

/// What a new configuration changes of a running server (postgres.md §15, reload algorithm).
namespace tanist::postgres {

/// Parameters to ask pg_settings for: the new ones and those that vanished.
std::vector<std::string> parameters_to_compare(const Parameters& wanted, const Parameters& previous);
/// The query; $1: names, separated by commas.
std::string running_parameters_query();

struct ParameterChanges {
  /// A reload is due.
  bool changed = false;
  /// One line for each change.
  std::vector<std::string> lines;
  std::vector<std::string> warnings;
  /// Those that take effect only with a restart.
  std::map<std::string, PendingRestart> restart;
};

/// Compares `wanted` with what runs (rows of running_parameters_query()) and with what was written before.
/// Names that the server does not have are taken out of `wanted`.
ParameterChanges compare_parameters(Parameters& wanted, const Parameters& previous, const Rows& running);

/// What a server that was found running was started with (postgres.md §20); $1: our main file.
std::string adopted_parameters_query();
Parameters parse_adopted_parameters(const Rows& rows);

}  // namespace tanist::postgres
