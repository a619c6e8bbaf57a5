#pragma once

#include <expected>
#include <optional>
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

/// The dynamic configuration a daemon starts with: what the store holds, else the cached copy, else
/// `bootstrap.dcs`. An empty map counts as missing; nullopt: none of them.
std::optional<Document> starting_dynamic(const std::optional<Document>& stored,
                                         const std::optional<Document>& cached, const Bootstrap& bootstrap);

}  // namespace tanist::config
