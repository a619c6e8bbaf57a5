#pragma once

#include <string_view>

#include "core/document.h"
#include "net/http.h"

/// The forms of an answer (rest-api.md §1.2).
namespace tanist::api {

/// No body, no Content-Type.
net::HttpResponse status_only(int status);
net::HttpResponse json_body(int status, std::string body);
net::HttpResponse json_body(int status, const Document& body);
/// A plain reason.
net::HttpResponse text_body(int status, std::string text);
/// Its Content-Type; no other answer has it.
inline constexpr const char* kErrorPageType = "text/html;charset=utf-8";
/// A small HTML page that names the code and says why.
net::HttpResponse error_page(int status, std::string_view why);

}  // namespace tanist::api
