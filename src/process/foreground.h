#pragma once

#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "process/child.h"

namespace tanist::process {

/// Runs a program that has the terminal (an editor, a pager) and waits for its end: for command line tools,
/// never for the daemon. `input` is what it reads in place of the terminal. Ctrl-C belongs to the program
/// meanwhile. The error says what could not be run and why.
std::expected<Exit, std::string> run_in_foreground(const std::vector<std::string>& argv,
                                                   const std::optional<std::string>& input = std::nullopt);

}  // namespace tanist::process
