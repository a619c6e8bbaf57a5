#pragma once

#include <array>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <string_view>

namespace tanist::guard {

/// A text of bounded length, made without a heap; what does not fit is cut off.
template <std::size_t Size>
class Line {
 public:
  Line& operator<<(std::string_view text) {
    for (const char c : text)
      if (length_ + 1 < Size) buffer_[length_++] = c;
    buffer_[length_] = '\0';
    return *this;
  }
  Line& operator<<(const char* text) { return *this << std::string_view(text); }
  template <std::integral Number>
  Line& operator<<(Number number) {
    std::array<char, 24> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number);
    return *this << std::string_view(digits.data(), static_cast<std::size_t>(end.ptr - digits.data()));
  }
  /// With zeros up to `width`.
  Line& padded(unsigned number, std::size_t width) {
    std::size_t digits = 1;
    for (unsigned rest = number; rest >= 10; rest /= 10) ++digits;
    for (; digits < width; ++digits) *this << "0";
    return *this << number;
  }
  std::string_view view() const { return {buffer_.data(), length_}; }
  const char* c_str() const { return buffer_.data(); }
  /// Everything that fits was taken; a path that was cut names something else.
  bool full() const { return length_ + 1 >= Size; }

 private:
  std::array<char, Size> buffer_{};
  std::size_t length_ = 0;
};

using Path = Line<4352>;
using Text = Line<768>;

}  // namespace tanist::guard
