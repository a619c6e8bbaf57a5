#pragma once

#include <optional>
#include <string>

#include "ctl/command.h"
#include "ctl/doctor/findings.h"
#include "ctl/sql_client.h"

namespace tanist::ctl {

struct DoctorCommand {
  std::string cluster;
  /// User, password and TLS of a connection to the servers; empty: none may ask them.
  postgres::ConnectionParameters login = {};
  /// As the tool's own configuration says; nullopt: it does not, and the shared one counts.
  std::optional<bool> use_pg_rewind = {};
  /// The role of pg_rewind; empty: the superuser.
  std::string rewind_role = {};
};

/// What the checks are made on: the store, each member's status, each server where `client` may ask it
/// (nullptr: none may). Members are asked at a time: it takes some seconds at most.
/// Throws Failure.
doctor::Seen examine(const DoctorCommand& command, ClusterStore& store, MemberApi& api, SqlClient* client,
                     const Terminal& terminal);

/// Runs every check and tells what it found.
Ending tell_findings(const doctor::Seen& seen, Format format, const Terminal& terminal);

Command doctor_command();

}  // namespace tanist::ctl
