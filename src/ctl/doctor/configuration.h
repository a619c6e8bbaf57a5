#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/document.h"
#include "ctl/doctor/findings.h"

/// What there is to say of a configuration that all members share, stored or about to be: by the table of
/// keys, and by the servers that are to run with it.
namespace tanist::ctl::doctor {

/// A member's PostgreSQL; version 0: not known.
struct KnownServer {
  std::string member;
  int version = 0;
};

/// Times that do not fit each other, or are too short: what members make of them.
Findings judge_timing(const Document& config);
/// Keys that are not known, in the wrong place, of a wrong type or out of their range, and modes that are not
/// served. Each finding is about a key.
Findings judge_keys(const Document& config);
/// What undoes synchronous replication, or has no effect beside it.
Findings judge_synchronous(const Document& config);
/// What `tanist.synchronized_standby_slots` lacks to have an effect, or what its absence means.
Findings judge_failover_slots(const Document& config, const std::vector<KnownServer>& servers);
/// Lines of pg_hba and pg_ident that PostgreSQL would not read, or that let in whom they should not.
Findings judge_access(const Document& config);
/// What the servers make of postgresql.parameters; about a key each, the versions named where not all say so.
Findings judge_parameters(const Document& config, const std::vector<KnownServer>& servers);
/// All of that.
Findings judge_configuration(const Document& config, const std::vector<KnownServer>& servers);

/// `PostgreSQL 15.4 (pga, pgb)`, by versions; those that are not known are left out.
std::string named_versions(const std::vector<KnownServer>& servers);

}  // namespace tanist::ctl::doctor
