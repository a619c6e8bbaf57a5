#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace tanist::setup {

/// Writes out long options that are abbreviated to an unambiguous beginning (`--valid`). What fits none of
/// `options` is left as it is; the error names what an ambiguous one could mean.
std::expected<std::vector<std::string>, std::string> expand_abbreviations(
    std::vector<std::string> arguments, const std::vector<std::string>& options);

}  // namespace tanist::setup
