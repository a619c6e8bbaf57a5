#pragma once

#include "config/settings.h"
#include "config/validate.h"

namespace tanist::config {

/// The sections `restapi` and `ctl` (config.md §2.5, §2.6). What cannot be used was reported by validate().
RestApi build_restapi(const Reader& local);
/// `ctl` falls back to the users and the CA of `restapi`.
Ctl build_ctl(const Reader& local);

/// What is odd about `restapi.allowlist`, one text each. A list of which nothing is usable and a value that
/// is no list leave an empty allowlist, which lets nobody in.
std::vector<std::string> allowlist_complaints(const Document& value);

/// Entries of `restapi.http_extra_headers` and `https_extra_headers` that cannot be sent, one text each.
std::vector<std::string> header_complaints(const Document& value);

}  // namespace tanist::config
