#pragma once

#include <string>

#include "ctl/terminal.h"

/// Files that commands read.
namespace tanist::ctl {

/// Throws Failure.
std::string read_file(const std::string& path);

/// The same of a path as it is typed: `-` is the standard input.
std::string read_file_or_input(const std::string& path, const Terminal& terminal);

}  // namespace tanist::ctl
