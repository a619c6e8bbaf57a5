#pragma once

#include <string>
#include <string_view>

#include "core/document.h"

namespace tanist::setup {

/// Whether the value at a dotted path of a local configuration is a secret: what the table of keys says, and
/// for undeclared keys what their names say (`password`, `token`, …).
bool is_secret(std::string_view path);

/// The value with all secrets in it replaced; passwords in URLs too. `path` is where it stands.
Document masked(const Document& value, const std::string& path);

}  // namespace tanist::setup
