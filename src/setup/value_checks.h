#pragma once

#include "setup/checks.h"

/// Checks of single values that look at the host (config.md §8.2).
namespace tanist::setup {

inline constexpr std::string_view kReservedName = "__patroni_strict_sync_replica_placeholder__";

Check name_of_member();
/// An address that others reach us at.
Check connect_address();
/// host:port that accepts connections; `default_port` where it names none.
Check reachable(int default_port);
/// host:port that nobody listens on yet.
Check listen(int default_port);
/// The same for several hosts with commas.
Check listen_many(int default_port);
/// Texts `host:port` with commas, all reachable.
Check reachable_with_commas(int default_port);
/// IPv4 or IPv6.
Check ip_address();
Check log_format();
Check watchdog_mode();
Check synchronous_mode();
Check existing_data_dir();
/// One of `postgresql.tools.bin_name`.
Check program_name();

/// `postgresql.tools.bin_dir` and the programs in it; also where it is not configured.
void check_bin_dir(const Document& postgresql, Inspection& in);
/// The version of the configured `postgres`; 0: cannot be told.
int configured_version(Inspection& in);

}  // namespace tanist::setup
