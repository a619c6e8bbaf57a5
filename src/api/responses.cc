#include "api/responses.h"

#include "core/format.h"

/// Responses: a status alone, JSON, a text, an error page.
namespace tanist::api {

namespace {

std::string html(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      default: out += c;
    }
  }
  return out;
}

}  // namespace

net::HttpResponse status_only(int status) {
  net::HttpResponse out;
  out.status = status;
  return out;
}

net::HttpResponse json_body(int status, std::string body) {
  net::HttpResponse out;
  out.status = status;
  out.headers.add("Content-Type", "application/json");
  out.body = std::move(body);
  return out;
}

net::HttpResponse json_body(int status, const Document& body) {
  return json_body(status, to_spaced_json(body));
}

net::HttpResponse text_body(int status, std::string text) {
  net::HttpResponse out;
  out.status = status;
  // Patroni says text/html (rest-api.md §1.2). Some of these texts repeat what the client sent: a browser
  // that a foreign page made POST it must not run that as a script of this address, which knows its user's
  // password.
  out.headers.add("Content-Type", "text/plain;charset=utf-8");
  out.body = std::move(text);
  return out;
}

net::HttpResponse error_page(int status, std::string_view why) {
  net::HttpResponse out;
  out.status = status;
  out.headers.add("Content-Type", kErrorPageType);
  const std::string_view phrase = net::reason_phrase(status);
  out.body = fmt::format(
      "<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"><title>{0} {1}</title></head>\n"
      "<body><h1>{0} {1}</h1>\n<p>{2}</p></body></html>\n",
      status, phrase, html(why));
  return out;
}

}  // namespace tanist::api
