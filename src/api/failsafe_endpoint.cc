#include "api/failsafe_endpoint.h"

#include <fmt/format.h>
#include <cmath>
#include <utility>

#include "api/request_body.h"
#include "api/responses.h"
#include "log/log.h"

TANIST_LOGGER("patroni.api");

namespace tanist::api {

using net::HttpRequest;
using net::HttpResponse;

namespace {

using namespace std::chrono_literals;

/// Longer than who asks waits: it is to hear why not.
constexpr Duration kPatience = 5s;
/// No ttl is longer.
constexpr double kLongestPromise = 24 * 3600;

}  // namespace

std::expected<ha::FailsafeQuestion, std::string> parse_failsafe(const Document& body) {
  ha::FailsafeQuestion question;
  const std::pair<const char*, std::string&> words[] = {
      {"name", question.leader}, {"conn_url", question.conn_url}, {"api_url", question.api_url}};
  for (const auto& [key, into] : words) {
    const Document* value = body.find(key);
    if (value == nullptr || !value->is_string() || value->as_string().empty())
      return std::unexpected(fmt::format("{}: a text that is not empty is needed", key));
    into = value->as_string();
  }
  if (const Document* slots = body.find("slots"); slots != nullptr && !slots->is_null()) {
    if (!slots->is_map()) return std::unexpected("slots: an object of names and positions is needed");
    for (const auto& [name, position, line] : slots->entries()) {
      if (!position.is_int() || position.as_int() < 0)
        return std::unexpected(fmt::format("slots.{}: a position in bytes is needed", name));
      question.slots[name] = Lsn{static_cast<std::uint64_t>(position.as_int())};
    }
  }
  if (const Document* length = body.find("tanist_valid_for"); length != nullptr) {
    const double told = length->is_int()      ? static_cast<double>(length->as_int())
                        : length->is_double() ? length->as_double()
                                              : NAN;
    if (!(told >= 0 && told <= kLongestPromise))
      return std::unexpected(
          fmt::format("tanist_valid_for: seconds from 0 to {:.0f} are needed", kLongestPromise));
    question.valid_for = from_seconds(told);
  }
  return question;
}

Task<HttpResponse> FailsafeEndpoint::post(HttpRequest request, ha::SnapshotPtr snapshot) {
  if (!snapshot->settings->dynamic.failsafe_mode) co_return error_page(502, "failsafe mode is not active");
  const auto body = required_object(request);
  if (!body) co_return body.error();
  auto question = parse_failsafe(*body);
  if (!question) co_return text_body(400, question.error());
  const std::string leader = question->leader;
  ha::order::Promise asked{std::move(*question)};
  const auto answer = co_await mailbox_.ask(std::move(asked), clock_.now() + kPatience);
  if (!answer) co_return text_body(503, answer.error().why);
  using Outcome = ha::order::Promise::Answer::Outcome;
  if (answer->outcome == Outcome::mode_is_off) co_return error_page(502, "failsafe mode is not active");
  if (answer->outcome == Outcome::refused) {
    log::warning("member '{}' is not promised to lead on without the store: {}", leader, answer->why);
    co_return text_body(500, answer->why);
  }
  HttpResponse out = text_body(200, "Accepted");
  if (answer->position) out.headers.set("lsn", std::to_string(answer->position.value));
  co_return out;
}

}  // namespace tanist::api
