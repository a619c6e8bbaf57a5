#pragma once

#include <string>

#include "cli/declaration.h"

namespace tanist::cli {

/// What a program takes, in Markdown: a section on its options, and one a command. Called by what writes and
/// checks the page.
std::string reference(const Program& program);

/// `page` with `text` between the lines `<!-- begin: NAME -->` and `<!-- end: NAME -->`; as it is where they
/// are not there.
std::string with_section(std::string page, const std::string& name, const std::string& text);

}  // namespace tanist::cli
