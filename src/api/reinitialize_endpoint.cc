#include "api/reinitialize_endpoint.h"

#include <utility>

#include "api/request_body.h"
#include "api/responses.h"
#include "core/format.h"
#include "log/log.h"

TANIST_LOGGER("patroni.api");

namespace tanist::api {

using net::HttpRequest;
using net::HttpResponse;
namespace order = ha::order;

namespace {

using namespace std::chrono_literals;

/// How long what is to be cancelled may take to end.
constexpr Duration kBeginPatience = 60s;
/// Beyond that: for the stop of PostgreSQL, in immediate mode and then by SIGKILL.
constexpr Duration kStopPatience = 90s;

}  // namespace

order::Reinitialize parse_reinitialize(const Document& body) {
  const auto is_set = [&body](const char* key) {
    const Document* value = body.find(key);
    return value != nullptr && parse_bool(*value).value_or(false);
  };
  return {.force = is_set("force"), .from_leader = is_set("from_leader"), .deadline = {}};
}

Task<HttpResponse> ReinitializeEndpoint::post(HttpRequest request) {
  const auto body = optional_object(request);
  if (!body) co_return body.error();
  log::info("REST API: {} asks for a new copy: {}", request.client_ip, to_json(*body));
  order::Reinitialize wanted = parse_reinitialize(*body);
  wanted.deadline = clock_.now() + kBeginPatience;
  const Instant until = wanted.deadline + kStopPatience;
  const auto answer = co_await mailbox_.ask(std::move(wanted), until);
  using Outcome = order::Reinitialize::Answer::Outcome;
  if (answer && answer->outcome == Outcome::started) co_return text_body(200, "reinitialize started");
  if (answer) co_return text_body(503, answer->why);
  if (answer.error().kind == Unanswered::Kind::not_begun) co_return text_body(503, answer.error().why);
  co_return text_body(503, "whether reinitialize was started is not known: " + answer.error().why);
}

}  // namespace tanist::api
