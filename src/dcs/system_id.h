#pragma once

#include <algorithm>
#include <string_view>

namespace tanist::dcs {

/// Whether it is a system identifier of PostgreSQL: nothing but digits, and enough of them.
inline bool valid_system_id(std::string_view id) {
  constexpr std::size_t kLeastDigits = 10;
  return id.size() >= kLeastDigits && std::ranges::all_of(id, [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace tanist::dcs
