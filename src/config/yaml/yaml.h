#pragma once

#include <cstddef>
#include <expected>
#include <string>
#include <string_view>

#include "config/errors.h"
#include "core/document.h"

/// YAML as PyYAML's safe_load reads it (YAML 1.1): existing files mean what they always meant. Differences:
/// timestamps stay strings, repeated keys are reported, and there are bounds.
namespace tanist::config {

/// Bounds of one document; beyond them parsing ends with an error.
inline constexpr std::size_t kMaxYamlBytes = 4 * 1024 * 1024;
inline constexpr int kMaxYamlDepth = 100;
inline constexpr std::size_t kMaxYamlValues = 50'000;
inline constexpr std::size_t kMaxYamlKeys = 5'000;

/// Parses one document; empty input is null. Every value and every map entry knows its line. Keys that are no
/// strings get the text JSON would give them (`true`, `1`). `file` only names the source in problems;
/// warnings are appended to `warnings`. The error is a single Problem with line and column.
std::expected<Document, Problem> parse_yaml(std::string_view text, std::string_view file, Problems& warnings);

/// What a plain (unquoted, untagged) scalar means: null, boolean, integer, float or string. The error says
/// why the text matches a type but has no value (`0x_`).
std::expected<Document, std::string> resolve_plain_scalar(std::string_view text);

/// The text is a number in base 60 (`1:30`), which is rarely what its writer meant.
bool is_base60(std::string_view text);

namespace detail {
/// The value of a scalar with an explicit core tag (`int`, `float`, `bool`); the error has no location.
std::expected<Document, std::string> construct_int(std::string_view text);
std::expected<Document, std::string> construct_float(std::string_view text);
std::expected<Document, std::string> construct_bool(std::string_view text);
}  // namespace detail

}  // namespace tanist::config
