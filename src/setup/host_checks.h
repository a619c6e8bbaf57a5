#pragma once

#include "config/settings.h"
#include "setup/checks.h"

namespace tanist::setup {

/// What a start would trip over on this host, beyond the schema: TLS files that do not load or match,
/// directories, commands that cannot be run.
struct HostFindings {
  Findings errors;
  Findings warnings;
};
HostFindings check_host(const config::Settings& settings, Inspection& in);

/// Lines of pg_hba.conf and pg_ident.conf that PostgreSQL would not start with, wherever they are configured.
Findings check_access_lines(const Document& config);

}  // namespace tanist::setup
