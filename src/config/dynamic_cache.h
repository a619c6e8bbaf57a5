#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "config/settings.h"

/// The copy of the dynamic configuration that a member keeps in its data directory, to start from while the
/// store does not answer. Pure functions; reading and writing the file is the caller's.
namespace tanist::config {

/// `<data_dir>/patroni.dynamic.json`
std::string dynamic_cache_path(std::string_view data_dir);

std::string encode_dynamic_cache(const Document& dynamic);

/// The accepted configuration that the text holds; the error names what is wrong with it.
std::expected<Document, std::string> decode_dynamic_cache(std::string_view text);

}  // namespace tanist::config
