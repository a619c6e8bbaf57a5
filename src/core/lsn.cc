#include "core/lsn.h"

#include <charconv>

#include "core/format.h"

namespace tanist {

std::string to_string(Lsn lsn) {
  return fmt::format("{:X}/{:X}", lsn.value >> 32, lsn.value & 0xffffffffu);
}

std::optional<Lsn> parse_lsn(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  std::uint32_t high = 0;
  std::uint32_t low = 0;
  const auto parse = [](std::string_view part, std::uint32_t& out) {
    const auto result = std::from_chars(part.data(), part.data() + part.size(), out, 16);
    return !part.empty() && result.ec == std::errc() && result.ptr == part.data() + part.size();
  };
  if (!parse(text.substr(0, slash), high) || !parse(text.substr(slash + 1), low)) return std::nullopt;
  return Lsn{(static_cast<std::uint64_t>(high) << 32) | low};
}

}  // namespace tanist
