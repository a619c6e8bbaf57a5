#pragma once

#include <expected>
#include <string>

#include "core/time.h"

namespace tanist::net {

/// Until when the first certificate of a PEM file is valid. Reads the file: not on an event loop. The error
/// names the file.
std::expected<WallTime, std::string> certificate_end(const std::string& file);

}  // namespace tanist::net
