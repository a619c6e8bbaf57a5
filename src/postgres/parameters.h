#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/settings.h"

/// PostgreSQL's parameters as this server knows them.
namespace tanist::postgres {

/// Parameters by lower-case name.
using Parameters = std::map<std::string, std::string>;

/// What `postgres --describe-config` says of one.
struct KnownParameter {
  enum class Type { boolean, integer, real, enumeration, text } type = Type::text;
};
using KnownParameters = std::map<std::string, KnownParameter>;
KnownParameters parse_describe_config(std::string_view text);

/// The parameters that recovery is configured with; they never stand among the ordinary ones.
bool is_recovery_parameter(std::string_view name);

/// One that was left out, with the line to log.
struct Dropped {
  std::string message;
};
/// Removes what this server would refuse to start with: unknown names, truth values and numbers that are
/// none. Names with a dot stay. With nothing known everything stays.
std::vector<Dropped> remove_invalid(Parameters& parameters, const KnownParameters& known, int version);

/// Parameters as they are written for a server of `version`: fixed ones filled in, wal_level and wal_keep_*
/// translated, recovery parameters and those newer than the server left out (postgres.md §13).
Parameters effective_parameters(const config::Settings& settings, int version);

/// The controlled parameters as options of the command line, in the order of the table.
std::vector<std::string> command_line_options(const Parameters& parameters);

/// Settings that a standby needs at least as large as its primary had them; raises `parameters` and returns
/// what was raised: name → configured value.
Parameters raise_to_required(Parameters& parameters, const std::map<std::string, std::int64_t>& required);

/// A value in base units (`16384` × `8kB`) in the largest exact unit (`128MB`).
std::string human_value(std::int64_t value, std::string_view unit);
/// A configured value of an integer with a unit in the same form; the text itself when it is no number.
std::string human_text(const std::string& value, std::string_view unit);

}  // namespace tanist::postgres
