#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace tanist::ctl {

/// The code points of UTF-8; a byte that belongs to none becomes U+FFFD.
std::vector<char32_t> code_points(std::string_view utf8);

/// Columns a terminal uses for the text: 2 for East Asian wide characters, 0 for combining ones.
std::size_t display_width(std::string_view utf8);

}  // namespace tanist::ctl
