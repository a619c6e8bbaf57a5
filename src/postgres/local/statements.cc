#include "postgres/local/statements.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace tanist::postgres {
namespace {

/// `STATEMENT:  …`, and what a server in another language calls it where it quotes one that sets a password.
bool quotes_statement(std::string_view line) {
  static constexpr std::array<std::string_view, 3> kMarks = {"STATEMENT:", " PASSWORD E'", " PASSWORD '"};
  for (const auto mark : kMarks)
    if (line.find(mark) != std::string_view::npos) return true;
  return false;
}

}  // namespace

std::string without_statements(std::string output) {
  std::string kept;
  bool inside = false;
  for (std::size_t at = 0; at < output.size();) {
    const auto end = std::min(output.find('\n', at), output.size() - 1);
    const std::string_view line = std::string_view(output).substr(at, end - at + 1);
    at = end + 1;
    // A statement of several lines goes on with a tab.
    inside = quotes_statement(line) || (inside && line.starts_with('\t'));
    if (!inside) kept += line;
  }
  return kept;
}

}  // namespace tanist::postgres
