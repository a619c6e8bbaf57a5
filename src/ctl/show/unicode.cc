#include "ctl/show/unicode.h"

#include <algorithm>
#include <iterator>

namespace tanist::ctl {

namespace {

struct Range {
  char32_t first;
  char32_t last;
};

/// The blocks that matter in names of hosts, members and parameters; sorted.
constexpr Range kZeroWidth[] = {
    {0x0300, 0x036f}, {0x0483, 0x0489}, {0x0591, 0x05bd}, {0x0610, 0x061a}, {0x064b, 0x065f},
    {0x0e34, 0x0e3a}, {0x0e47, 0x0e4e}, {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff}, {0x200b, 0x200f},
    {0x20d0, 0x20ff}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}, {0xfeff, 0xfeff},
};
constexpr Range kWide[] = {
    {0x1100, 0x115f}, {0x2e80, 0x303e},   {0x3041, 0x33ff},   {0x3400, 0x4dbf},   {0x4e00, 0x9fff},
    {0xa000, 0xa4cf}, {0xac00, 0xd7a3},   {0xf900, 0xfaff},   {0xfe30, 0xfe6f},   {0xff00, 0xff60},
    {0xffe0, 0xffe6}, {0x1f300, 0x1f64f}, {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd},
};

template <std::size_t N>
bool in(const Range (&table)[N], char32_t c) {
  return std::ranges::any_of(table, [&](const Range& r) { return c >= r.first && c <= r.last; });
}

}  // namespace

std::vector<char32_t> code_points(std::string_view text) {
  std::vector<char32_t> out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    const auto first = static_cast<unsigned char>(text[i]);
    std::size_t length = first < 0x80                    ? 1
                         : first >= 0xc2 && first < 0xe0 ? 2
                         : first < 0xe0                  ? 0
                         : first < 0xf0                  ? 3
                                                         : 4;
    if (first > 0xf4 || i + length > text.size()) length = 0;
    char32_t code = length <= 1 ? first : first & (0x7fu >> length);
    for (std::size_t k = 1; k < length; ++k) {
      const auto next = static_cast<unsigned char>(text[i + k]);
      if ((next & 0xc0) != 0x80) {
        length = 0;
        break;
      }
      code = (code << 6) | (next & 0x3f);
    }
    out.push_back(length == 0 ? U'\ufffd' : code);
    i += std::max<std::size_t>(length, 1);
  }
  return out;
}

std::size_t display_width(std::string_view text) {
  std::size_t out = 0;
  for (const char32_t c : code_points(text)) {
    if (c >= 0x300 && in(kZeroWidth, c)) continue;
    out += c >= 0x1100 && in(kWide, c) ? 2 : 1;
  }
  return out;
}

}  // namespace tanist::ctl
