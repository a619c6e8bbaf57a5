#include "postgres/server_version.h"

#include <charconv>
#include <optional>
#include <string_view>
#include <vector>

#include "core/format.h"

namespace tanist::postgres {

namespace {

constexpr int kFirstTwoPartVersion = 10;
constexpr int kMajor = 10000;
constexpr int kMinor = 100;

std::optional<int> whole_number(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

}  // namespace

std::expected<int, std::string> parse_server_version(const std::string& text) {
  std::vector<int> parts;
  std::string_view rest = text;
  while (true) {
    const auto dot = rest.find('.');
    const auto number = whole_number(rest.substr(0, dot));
    if (!number) return std::unexpected("Invalid PostgreSQL version: " + text);
    parts.push_back(*number);
    if (dot == std::string_view::npos) break;
    rest.remove_prefix(dot + 1);
  }
  const bool two = parts.size() == 2 && parts[0] >= kFirstTwoPartVersion;
  const bool three = parts.size() == 3 && parts[1] < kMinor;
  if ((!two && !three) || parts[0] >= kMinor || parts.back() >= kMinor)
    return std::unexpected("Invalid PostgreSQL version format: X.Y or X.Y.Z is accepted: " + text);
  return two ? parts[0] * kMajor + parts[1] : parts[0] * kMajor + parts[1] * kMinor + parts[2];
}

std::string server_version_text(int version) {
  const int major = version / kMajor;
  if (major >= kFirstTwoPartVersion) return fmt::format("{}.{}", major, version % kMajor);
  return fmt::format("{}.{}.{}", major, version / kMinor % kMinor, version % kMinor);
}

}  // namespace tanist::postgres
