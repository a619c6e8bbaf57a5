#pragma once

#include <expected>
#include <string>

#include "config/errors.h"
#include "config/settings.h"

/// The dynamic configuration: the JSON object under `/config`.
namespace tanist::config {

/// What members make of a raw `/config`: the same document with its timing adjusted, the same arithmetic on
/// every member. Notes about adjusted, unknown or unusable values are appended. The error means that the
/// configuration as a whole is refused and the previous one stays.
std::expected<Document, std::string> accept_dynamic(const Document& raw, Problems& notes);
std::expected<Document, std::string> accept_dynamic(const Document& raw);

/// The typed part of an accepted dynamic configuration; unusable values give their defaults.
Dynamic build_dynamic(const Document& accepted);

}  // namespace tanist::config
