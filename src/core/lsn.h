#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tanist {

/// A WAL position: absolute byte offset. Zero means "unknown" wherever PostgreSQL or the store may have none.
struct Lsn {
  std::uint64_t value = 0;
  auto operator<=>(const Lsn&) const = default;
  explicit operator bool() const { return value != 0; }
};

/// Bytes from `b` to `a`; negative when `a` is behind.
inline std::int64_t operator-(Lsn a, Lsn b) {
  return static_cast<std::int64_t>(a.value - b.value);
}

/// `16/B374D848` form, as PostgreSQL prints it.
std::string to_string(Lsn);
/// Reads the `16/B374D848` form.
std::optional<Lsn> parse_lsn(std::string_view);

/// A timeline number; 0 means unknown.
struct Timeline {
  std::uint32_t value = 0;
  auto operator<=>(const Timeline&) const = default;
  explicit operator bool() const { return value != 0; }
};

}  // namespace tanist
