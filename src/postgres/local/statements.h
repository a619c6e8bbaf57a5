#pragma once

#include <string>

namespace tanist::postgres {

/// Output of a server without the statements it quotes: one that failed may hold a password.
std::string without_statements(std::string output);

}  // namespace tanist::postgres
