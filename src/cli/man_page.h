#pragma once

#include <string>

#include "cli/declaration.h"

namespace tanist::cli {

/// A page for man(1), in the macros of man(7). Called by what writes and checks packaging/man; no binary that
/// is installed needs it.
std::string man_page(const Program& program, const std::string& source);

}  // namespace tanist::cli
