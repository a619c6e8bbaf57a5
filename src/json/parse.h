#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "core/document.h"

namespace tanist {

/// Parses JSON; at most 64 levels deep. The error says what and where.
std::expected<Document, std::string> parse_json(std::string_view text);

}  // namespace tanist
