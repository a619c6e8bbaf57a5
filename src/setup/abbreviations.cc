#include "setup/abbreviations.h"

#include <fmt/format.h>
#include <algorithm>

#include "core/format.h"

namespace tanist::setup {

std::expected<std::vector<std::string>, std::string> expand_abbreviations(
    std::vector<std::string> arguments, const std::vector<std::string>& options) {
  for (auto& argument : arguments) {
    if (argument == "--") break;
    if (!argument.starts_with("--")) continue;
    const auto equals = argument.find('=');
    const std::string name = argument.substr(0, equals);
    if (std::ranges::find(options, name) != options.end()) continue;
    std::vector<std::string> matching;
    for (const auto& option : options)
      if (option.starts_with(name)) matching.push_back(option);
    if (matching.size() > 1)
      return std::unexpected(
          fmt::format("ambiguous option: {} could match {}", name, fmt::join(matching, ", ")));
    if (matching.size() == 1)
      argument = matching.front() + (equals == std::string::npos ? "" : argument.substr(equals));
  }
  return arguments;
}

}  // namespace tanist::setup
