#pragma once

#include <string>
#include <string_view>

namespace tanist::config {

inline constexpr std::string_view kMask = "********";

/// A text of the configuration as messages may show it: passwords in URLs, connection strings, command lines
/// and header fields are replaced. Rather hides too much than too little.
std::string without_passwords(std::string text);

}  // namespace tanist::config
