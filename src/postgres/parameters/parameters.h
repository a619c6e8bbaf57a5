#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "config/settings.h"
#include "postgres/parameters/table.h"
#include "postgres/types.h"

/// PostgreSQL's parameters from settings to what one server is given.
namespace tanist::postgres {

/// Parameters by lower-case name.
using Parameters = std::map<std::string, std::string>;

/// The settings as they are for a member of this role: the same ones where nothing differs.
config::SettingsPtr settings_for(const config::SettingsPtr& settings, Role role);

/// Names (lower-case) that a server has besides those of the table, as `postgres --describe-config` tells
/// them.
using OtherParameters = std::set<std::string, std::less<>>;
OtherParameters parse_describe_config(std::string_view text, int version);
/// Whether there is a name that only the server itself can judge.
bool needs_description(const Parameters& parameters, int version);

/// Leaves out what a server of `version` would refuse to start with, and puts numbers within their bounds;
/// returns the warnings (postgres.md §15). Names with a dot stay. nullptr: the server could not be asked,
/// unknown names stay.
std::vector<std::string> remove_invalid(Parameters& parameters, const OtherParameters* others, int version);
/// The same for recovery parameters (postgres.md §16).
std::vector<std::string> remove_invalid_recovery(Parameters& parameters, int version);

/// Parameters as they are written for a server of `version`: fixed ones filled in, wal_level and wal_keep_*
/// translated, recovery parameters and those newer than the server left out (postgres.md §13); paths of
/// hba_file and ident_file absolute.
Parameters effective_parameters(const config::Settings& settings, int version);

/// wal_keep_segments and wal_keep_size as a server of `version` has them: one in the place of the other.
void translate_wal_keep(Parameters& parameters, int version);

/// The controlled parameters as options of the command line, in the order of the table.
std::vector<std::string> command_line_options(const Parameters& parameters);

/// Settings that a standby needs at least as large as its primary had them; raises `parameters` and returns
/// what was raised: name → configured value.
Parameters raise_to_required(Parameters& parameters, const std::map<std::string, std::int64_t>& required);

/// `postgres (PostgreSQL) 15.20 (Debian …)` → 150020; 0 when it cannot be read.
int parse_binary_version(std::string_view text);

}  // namespace tanist::postgres
