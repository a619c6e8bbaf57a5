#pragma once

#include <expected>

#include "core/document.h"
#include "net/http.h"

/// Bodies of requests (rest-api.md §7): a JSON object, or the answer that says what it lacks.
namespace tanist::api {

/// The request must have a body, with something in it.
std::expected<Document, net::HttpResponse> required_object(const net::HttpRequest& request);

/// No body stands for `{}`.
std::expected<Document, net::HttpResponse> optional_object(const net::HttpRequest& request);

}  // namespace tanist::api
