#pragma once

#include <optional>
#include <string>
#include <string_view>

/// What is known of PostgreSQL's parameters, version by version, without asking a server.
namespace tanist::postgres {

struct ParameterRule {
  enum class Type { boolean, integer, real, enumeration, enum_or_boolean, text } type = Type::text;
  /// Of integer and real, in `unit`.
  double min = 0;
  double max = 0;
  /// `ms`, `8kB`, …; empty: a plain number.
  std::string_view unit;
  /// Lower-case words of the two enumerations, separated by `|`; the empty word may be one of them.
  std::string_view words;
};

/// The rule of a parameter (lower-case name) for a server of `version` (150004); nullopt: the table has none.
std::optional<ParameterRule> parameter_rule(std::string_view name, int version);

/// What it takes for a changed value to count.
enum class Takes {
  reload,
  /// A reload, and only sessions that begin after it have the value.
  new_sessions,
  restart,
};
/// Of a parameter (lower-case name) that a server of `version` has.
Takes takes_of(std::string_view name, int version);

/// The name nearest to `name` that a server of `version` knows, if one is near enough to be meant.
std::optional<std::string> nearest_parameter(std::string_view name, int version);

/// As parameter_rule(), for the parameters that recovery is configured with (postgres.md §16).
std::optional<ParameterRule> recovery_parameter_rule(std::string_view name, int version);

/// Whether a name is that of a recovery parameter in any version; those never stand among the ordinary ones.
bool is_recovery_parameter(std::string_view name);

}  // namespace tanist::postgres
