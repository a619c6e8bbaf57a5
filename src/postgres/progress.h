#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "config/settings.h"
#include "postgres/server.h"

namespace tanist::postgres {

/// ` 23158/131072 kB (17%), 0/1 tablespace` of pg_basebackup, ` 123/456 kB (27%) copied` of pg_rewind.
std::optional<Progress> parse_progress(std::string_view line);

/// `--name` or `--name=value`.
std::string render_option(const config::ToolOption& option);

}  // namespace tanist::postgres
