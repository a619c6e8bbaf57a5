#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/errors.h"
#include "config/settings.h"

namespace tanist::config {

/// Options of a tool as configured under `path` (`bootstrap.initdb`, `postgresql.accounts.rewind`,
/// `postgresql.basebackup`): a list of `name` and `{name: value}`, or a mapping whose empty values are
/// skipped. Quotes around values are removed. Options that Tanist sets itself or that would break it are left
/// out.
std::vector<ToolOption> tool_options(std::string_view path, const Document& value);

/// What is wrong with the options, one text an item.
std::vector<std::string> complaints(std::string_view path, const Document& value);

}  // namespace tanist::config
