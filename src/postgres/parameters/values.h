#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "postgres/parameters/table.h"

/// Values of parameters: what PostgreSQL accepts, when two of them mean the same, how people read them.
namespace tanist::postgres {

/// What becomes of a configured value.
struct CheckedValue {
  /// As it is to be written; nullopt: the parameter is left out.
  std::optional<std::string> value;
  /// What to tell, when the value is not taken as it is.
  std::string message;
};
CheckedValue check_value(std::string_view name, const std::string& value, const ParameterRule& rule);

/// A number with an optional unit in `unit` (empty: none is allowed); nullopt when it is none.
std::optional<double> parse_real(std::string_view text, std::string_view unit);
std::optional<std::int64_t> parse_integer(std::string_view text, std::string_view unit);

/// Whether a configured value means what pg_settings shows as `setting` (`vartype` and `unit` as there). What
/// cannot be read is different.
bool same_value(std::string_view vartype, std::string_view unit, const std::string& setting,
                const std::string& configured);

/// A value in base units (`16384` × `8kB`) in the largest exact unit (`128MB`).
std::string human_value(std::int64_t value, std::string_view unit);
/// The same for the text of pg_settings or of a configuration; texts that are no such number stay.
std::string human_text(const std::string& value, std::string_view vartype, std::string_view unit);

}  // namespace tanist::postgres
