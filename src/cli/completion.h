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
/// fish looks for a file of the name that was typed: the one for another name of the program.
std::string fish_completion_of_other_name(const Program& program, const std::string& name,
                                          const std::string& source);

}  // namespace tanist::cli
