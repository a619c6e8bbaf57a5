#pragma once

#include <string>

#include "ctl/command.h"
#include "ctl/doctor/findings.h"
#include "ctl/sql_client.h"

namespace tanist::ctl {

/// What the checks are made on: the store, each member's status, and each server where `login` (user,
/// password) may ask it; nullptr: none may. Throws Failure.
doctor::Seen examine(const std::string& cluster, ClusterStore& store, MemberApi& api, SqlClient* client,
                     const postgres::ConnectionParameters& login, const Terminal& terminal);

/// Runs every check and tells what it found.
Ending tell_findings(const doctor::Seen& seen, Format format, const Terminal& terminal);

Command doctor_command();

}  // namespace tanist::ctl
