#pragma once

#include <optional>
#include <string>

#include "postgres/client/conninfo.h"

namespace tanist::postgres {

/// The parameters that a connection string or URI names, read by libpq itself; nullopt: libpq cannot read it.
std::optional<ConnectionParameters> parse_dsn(const std::string& text);

}  // namespace tanist::postgres
