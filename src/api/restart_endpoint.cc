#include "api/restart_endpoint.h"

#include "api/request_body.h"
#include "api/responses.h"
#include "api/schedule.h"
#include "config/modes.h"
#include "core/format.h"
#include "log/log.h"
#include "postgres/server_version.h"

TANIST_LOGGER("patroni.api");

/// POST and DELETE /restart: the body read, the order given, the answer told.
namespace tanist::api {

using net::HttpRequest;
using net::HttpResponse;
namespace order = ha::order;

namespace {

using namespace std::chrono_literals;

/// Beyond the time a start may take: for the checkpoint and the end of the clients before it.
constexpr Duration kStopMargin = 1h;
/// Everything beyond is a slip of the finger, and would not fit a clock.
constexpr auto kLongestTimeout = std::chrono::seconds(365 * 24h);

std::optional<postgres::Role> role_named(const Document& value) {
  if (!value.is_string()) return std::nullopt;
  for (const auto role : {postgres::Role::primary, postgres::Role::standby_leader, postgres::Role::replica})
    if (value.as_string() == postgres::to_string(role)) return role;
  return std::nullopt;
}

HttpResponse answer_of(const order::Restart::Answer& answer) {
  using enum order::Restart::Answer::Outcome;
  switch (answer.outcome) {
    case done: return text_body(200, "restarted successfully");
    case refused: return text_body(503, answer.why);
    case still_starting: return text_body(503, "postgres is still starting");
    case begun:
    case failed: break;
  }
  return text_body(503, "restart failed");
}

HttpResponse answer_of(const order::ScheduleRestart::Answer& answer) {
  if (!answer) return text_body(503, answer.error());
  return *answer == order::ScheduleRestart::Outcome::scheduled
             ? text_body(202, "Restart scheduled")
             : text_body(409, "Another restart is already scheduled");
}

HttpResponse answer_of(const order::DropScheduledRestart::Answer& answer) {
  if (!answer) return text_body(503, answer.error());
  return *answer == order::DropScheduledRestart::Outcome::dropped
             ? text_body(200, "scheduled restart deleted")
             : text_body(404, "no restarts are scheduled");
}

/// `what` names what may have been done all the same.
HttpResponse no_answer(const Unanswered& unanswered, const char* what) {
  if (unanswered.kind == Unanswered::Kind::not_begun) return text_body(503, unanswered.why);
  return text_body(503, fmt::format("whether {} is not known: {}", what, unanswered.why));
}

}  // namespace

std::expected<RestartOrder, HttpResponse> parse_restart(const Document& body, WallTime now) {
  const auto bad = [](std::string why) { return std::unexpected(text_body(400, std::move(why))); };
  order::Restart restart;
  std::optional<WallTime> at;
  Document shown = Document::map();
  for (const auto& [key, value, line] : body.entries()) {
    Document accepted = value;
    if (key == "schedule") {
      const auto parsed = parse_schedule(value, "restart", now);
      if (!parsed) return std::unexpected(parsed.error());
      at = *parsed;
      accepted = iso8601(*at);
    } else if (key == "role") {
      restart.role = role_named(value);
      if (!restart.role) return bad("PostgreSQL role should be either primary, standby_leader, or replica");
    } else if (key == "postgres_version") {
      const auto version =
          postgres::parse_server_version(value.is_string() ? value.as_string() : value.text());
      if (!version) return bad(version.error());
      restart.older_than = *version;
    } else if (key == "timeout") {
      const auto limit = parse_int(value, "s");
      if (!limit || *limit <= 0) return bad("Timeout should be a positive number of seconds");
      if (*limit > kLongestTimeout / 1s)
        return bad(fmt::format("Timeout is {} seconds, allowed: at most {}", *limit, kLongestTimeout / 1s));
      restart.timeout = std::chrono::seconds(*limit);
      accepted = *limit;
    } else if (key == "restart_pending") {
      restart.only_if_pending = true;
    } else {
      return bad("Unknown filter for the scheduled restart: " + key);
    }
    shown.set(key, std::move(accepted));
  }
  if (!at) return restart;
  return order::ScheduleRestart{.restart = std::move(restart), .at = *at, .shown = std::move(shown)};
}

Task<HttpResponse> RestartEndpoint::post(HttpRequest request, ha::SnapshotPtr snapshot, Duration patience) {
  const auto body = optional_object(request);
  if (!body) co_return body.error();
  const auto cluster = co_await reads_.cluster(ControlReads::Asker::admitted, clock_.now() + patience);
  if (!cluster) co_return error_page(503, "could not read the cluster from the store: " + cluster.error());
  const dcs::Config& config = (*cluster)->config;
  const bool paused = config.valid ? config::modes_of(config.data).pause : snapshot->paused;
  if (paused && body->find("schedule"))
    co_return text_body(500, "Can't schedule restart in the paused state");
  auto wanted = parse_restart(*body, clock_.wall_now());
  if (!wanted) co_return wanted.error();

  log::info("REST API: {} asks for a restart: {}", request.client_ip, to_json(*body));
  if (auto* planned = std::get_if<order::ScheduleRestart>(&*wanted))
    co_return co_await schedule(std::move(*planned), patience);
  auto& now = std::get<order::Restart>(*wanted);
  const Duration limit = now.timeout.value_or(snapshot->settings->dynamic.primary_start_timeout);
  co_return co_await restart(std::move(now), limit);
}

Task<HttpResponse> RestartEndpoint::restart(order::Restart order, Duration limit) {
  const auto answer = co_await mailbox_.ask(std::move(order), clock_.now() + limit + kStopMargin);
  if (answer) co_return answer_of(*answer);
  if (answer.error().kind == Unanswered::Kind::late) co_return text_body(503, "postgres is still starting");
  co_return no_answer(answer.error(), "postgres was restarted");
}

Task<HttpResponse> RestartEndpoint::schedule(order::ScheduleRestart order, Duration patience) {
  const auto answer = co_await mailbox_.ask(std::move(order), clock_.now() + patience);
  if (answer) co_return answer_of(*answer);
  co_return no_answer(answer.error(), "the restart was scheduled");
}

Task<HttpResponse> RestartEndpoint::drop(Duration patience) {
  const order::DropScheduledRestart order;
  const auto answer = co_await mailbox_.ask(order, clock_.now() + patience);
  if (answer) co_return answer_of(*answer);
  co_return no_answer(answer.error(), "the scheduled restart was deleted");
}

}  // namespace tanist::api
