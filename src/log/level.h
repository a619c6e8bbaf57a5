#pragma once

#include <string_view>

namespace tanist::log {

enum class Level { debug, info, warning, error, critical };

/// `DEBUG`, `INFO`, `WARNING`, `ERROR`, `CRITICAL`.
std::string_view name(Level);

}  // namespace tanist::log
