#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace tanist::process {

/// Splits a command as a POSIX shell splits words: blanks, '…', "…", backslash; no expansion of any kind.
/// The error says what is not closed.
std::expected<std::vector<std::string>, std::string> split_command(std::string_view text);

}  // namespace tanist::process
