#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/settings.h"
#include "postgres/client/conninfo.h"
#include "postgres/parameters/parameters.h"
#include "postgres/types.h"

/// What a standby is told to do (postgres.md §16).
namespace tanist::postgres {

struct RecoverySettings {
  /// As written; primary_conninfo names the password file instead of holding the password.
  Parameters parameters;
  /// What the password file must hold; empty: no password is needed.
  std::string pgpass;
  /// Why configured ones were left out or changed.
  std::vector<std::string> warnings;
};

/// Recovery parameters under the names and with the values that a server of `version` knows: trigger file and
/// pause_at_recovery_target have two. Those of none of its names stay.
Parameters translate_recovery(Parameters parameters, int version);

/// Settings of a standby that streams from `upstream` (nullopt: from nobody).
RecoverySettings wanted_recovery(const config::Settings& settings, const std::optional<Upstream>& upstream,
                                 int version);

/// Recovery settings as the running server has them.
struct RunningRecovery {
  /// By name, as pg_settings shows them or as we wrote them.
  Parameters parameters;
  /// `parameters` tells what runs.
  bool known = false;
  /// What the password file holds.
  std::string pgpass;
};

/// Compares what runs with what is wanted. A WAL receiver's own words (`receiver_conninfo`, empty: there is
/// none) count more than the parameters.
RecoveryDifference compare_recovery(const RecoverySettings& wanted, const RunningRecovery& running,
                                    const std::string& receiver_conninfo, const std::string& receiver_slot,
                                    int version);

/// Whether a server with this primary_conninfo streams from where the wanted one says.
bool same_connection(const ConnectionParameters& wanted, const ConnectionParameters& running, int version);

/// The parameters that compare_recovery looks at, for a query of pg_settings.
std::vector<std::string> compared_recovery_parameters(int version);

}  // namespace tanist::postgres
