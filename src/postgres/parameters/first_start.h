#pragma once

#include <map>
#include <string>
#include <vector>

#include "config/settings.h"
#include "postgres/parameters/parameters.h"

/// What the first start after a custom bootstrap is given (postgres.md §17, §18, §21). Pure.
namespace tanist::postgres {

/// `recovery_conf` of the method as a server of `version` takes it: names of other versions translated, what
/// is no recovery parameter left out. standby_mode stays in: it chooses the signal file.
Parameters bootstrap_recovery(const std::map<std::string, std::string>& configured, int version);

/// What standby_mode says: it stays one, without an end to recover to.
bool is_standby(const Parameters& recovery);

/// The server takes no connections until recovery has ended: it will be promoted by itself, or nobody knows.
bool starts_without_hot_standby(const config::CustomBootstrap& custom, int version);

/// pg_hba.conf of the first start: this host's own users are let in, whatever passwords the restored cluster
/// knows.
std::vector<std::string> trust_entries(const config::Postgresql& postgresql,
                                       const std::vector<std::string>& local_addresses);

}  // namespace tanist::postgres
