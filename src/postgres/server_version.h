#pragma once

#include <expected>
#include <string>

namespace tanist::postgres {

/// `15.4` → 150004, `9.6.24` → 90624; the error is the text of rest-api.md §8.5.
std::expected<int, std::string> parse_server_version(const std::string& text);

/// 150004 → `15.4`, 90624 → `9.6.24`
std::string server_version_text(int version);

}  // namespace tanist::postgres
