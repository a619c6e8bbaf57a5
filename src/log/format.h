#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "log/log.h"

/// Python's %-templates and the fields of a line (config.md §10.5, §10.6).
namespace tanist::log {

/// Nothing for a field that does not exist.
using FieldValue = std::variant<std::monostate, std::string, std::int64_t, double>;

FieldValue field_value(std::string_view name, const Options&, const Line&);

/// Names of the fields in a template, in their order.
std::vector<std::string> fields_of(std::string_view format);

/// A message as one line of plain text: control characters as `\n`, `\x1b`; a `HINT:` line stays a line.
std::string one_line(std::string_view message);

}  // namespace tanist::log
