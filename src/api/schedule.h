#pragma once

#include <expected>
#include <string_view>

#include "core/document.h"
#include "core/time.h"
#include "net/http.h"

namespace tanist::api {

/// The time that something is asked for (rest-api.md §9.2), or the answer that says what is wrong with it.
/// `action`: as texts name it, `restart`.
std::expected<WallTime, net::HttpResponse> parse_schedule(const Document& value, std::string_view action,
                                                          WallTime now);

}  // namespace tanist::api
