#include "api/request_body.h"
#include "json/parse.h"

#include "api/responses.h"
#include "core/format.h"

namespace tanist::api {

using net::HttpRequest;
using net::HttpResponse;

namespace {

std::string_view kind_of(const Document& value) {
  if (value.is_null()) return "null";
  if (value.is_list()) return "a list";
  if (value.is_string()) return "a string";
  if (value.is_bool()) return "a boolean";
  return "a number";
}

std::expected<Document, HttpResponse> object_in(const HttpRequest& request) {
  auto parsed = parse_json(request.body);
  if (!parsed) return std::unexpected(error_page(400, "the body is no JSON: " + parsed.error()));
  if (!parsed->is_map())
    return std::unexpected(
        error_page(400, fmt::format("the body is {}, allowed: a JSON object", kind_of(*parsed))));
  return *std::move(parsed);
}

}  // namespace

std::expected<Document, HttpResponse> required_object(const HttpRequest& request) {
  const std::string what = fmt::format("{} {}", request.method, request.path());
  if (!request.headers.find("Content-Length"))
    return std::unexpected(error_page(411, what + " needs a body with a Content-Length"));
  if (request.body.empty())
    return std::unexpected(error_page(400, what + " needs a JSON object, the body is empty"));
  auto object = object_in(request);
  if (object && object->size() == 0)
    return std::unexpected(error_page(400, "the body is an empty object: there is nothing to do"));
  return object;
}

std::expected<Document, HttpResponse> optional_object(const HttpRequest& request) {
  if (request.body.empty()) return Document::map();
  return object_in(request);
}

}  // namespace tanist::api
