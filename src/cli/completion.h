#pragma once

#include <string>

#include "cli/declaration.h"

/// Completion of a program's command line in three shells, as packaging/completion holds it. Called by what
/// writes and checks those files; no binary that is installed needs it.
namespace tanist::cli {

/// `source` is where the declarations are, for whoever opens the file.
std::string bash_completion(const Program& program, const std::string& source);
std::string zsh_completion(const Program& program, const std::string& source);
std::string fish_completion(const Program& program, const std::string& source);

}  // namespace tanist::cli
