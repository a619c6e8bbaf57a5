#pragma once

#include <algorithm>
#include <string>
#include <string_view>

namespace tanist {

/// ASCII letters in lower case, everything else as it is: names of parameters, words of configurations,
/// header fields.
inline std::string lower(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return result;
}

}  // namespace tanist
