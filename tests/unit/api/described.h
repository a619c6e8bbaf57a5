#pragma once

#include <string>
#include <string_view>

#include "api/access.h"
#include "api/openapi.h"
#include "core/text.h"

namespace tanist::api::test {

/// What the document for machines does not know about an answer; empty: it is as described there. `type`: the
/// Content-Type; empty: none.
inline std::string undescribed(std::string_view method, std::string_view target, int status,
                               std::string_view type) {
  static const Document kPaths = *openapi(true).find("paths");
  const std::string name = "/" + std::string(first_segment(net::origin_form(target)));
  const Document* path = kPaths.find(name);
  const bool check = method == "GET" || method == "HEAD" || method == "OPTIONS";
  const std::string verb = lower(method);
  // What nobody has named is a health check.
  if ((path == nullptr || path->find(verb) == nullptr) && check) path = kPaths.find("/primary");
  if (path == nullptr || path->find(verb) == nullptr) return status == 501 ? "" : "no such operation";
  const Document* response = path->find(verb)->find("responses")->find(std::to_string(status));
  if (response == nullptr) return "no such status: " + std::to_string(status);
  const std::string media(type.substr(0, type.find(';')));
  const Document* content = response->find("content");
  if (media.empty()) return content == nullptr || status == 500 ? "" : "it has no body";
  if (content == nullptr || content->find(media) == nullptr) return "no such content: " + media;
  return "";
}

}  // namespace tanist::api::test
