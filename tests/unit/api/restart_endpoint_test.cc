#include "api/restart_endpoint.h"

#include <gtest/gtest.h>

#include "contract/run_task.h"
#include "core/format.h"
#include "unit/api/snapshots.h"

namespace tanist::api {
namespace {

using namespace std::chrono_literals;
using Kind = ha::RestartAnswer::Kind;

const WallTime kMorning{std::chrono::sys_days(std::chrono::year(2031) / 5 / 1) + 10h};

std::expected<ha::RestartOrder, net::HttpResponse> parse(const std::string& json) {
  return parse_restart(parse_json(json).value(), kMorning);
}
ha::RestartRequest immediate(const std::string& json) {
  return std::get<ha::RestartRequest>(parse(json).value());
}
std::string refusal(const std::string& json, int status = 400) {
  const auto parsed = parse(json);
  if (parsed) return "accepted";
  EXPECT_EQ(parsed.error().status, status) << json;
  return parsed.error().body;
}

TEST(RestartBody, an_empty_one_asks_for_a_restart_without_conditions) {
  const auto request = immediate("{}");
  EXPECT_FALSE(request.role || request.older_than || request.timeout || request.only_if_pending);
}

TEST(RestartBody, every_condition_is_read) {
  const auto request =
      immediate(R"({"role":"replica","postgres_version":"15.4","timeout":"1.5min","restart_pending":false})");
  EXPECT_EQ(request.role, postgres::Role::replica);
  EXPECT_EQ(request.older_than, 150004);
  EXPECT_EQ(request.timeout, 90s);
  EXPECT_TRUE(request.only_if_pending) << "the key alone counts";
}

TEST(RestartBody, versions_of_both_forms) {
  EXPECT_EQ(immediate(R"({"postgres_version":"9.6.24"})").older_than, 90624);
  EXPECT_EQ(immediate(R"({"postgres_version":"10.0"})").older_than, 100000);
  EXPECT_EQ(refusal(R"({"postgres_version":"15.x"})"), "Invalid PostgreSQL version: 15.x");
  for (const char* text : {"15", "9.6", "1.2.3.4", "15.100", "9.100.1"}) {
    EXPECT_EQ(refusal(fmt::format(R"({{"postgres_version":"{}"}})", text)),
              fmt::format("Invalid PostgreSQL version format: X.Y or X.Y.Z is accepted: {}", text));
  }
  EXPECT_EQ(refusal(R"({"postgres_version":15})"),
            "Invalid PostgreSQL version format: X.Y or X.Y.Z is accepted: 15");
}

TEST(RestartBody, what_is_wrong_is_named) {
  EXPECT_EQ(refusal(R"({"role":"master"})"),
            "PostgreSQL role should be either primary, standby_leader, or replica");
  for (const char* value : {"0", "-1", "\"soon\"", "\"42towels\""})
    EXPECT_EQ(refusal(fmt::format(R"({{"timeout":{}}})", value)),
              "Timeout should be a positive number of seconds");
  EXPECT_EQ(refusal(R"({"timeout":10000000000})"),
            "Timeout is 10000000000 seconds, allowed: at most 31536000");
  EXPECT_EQ(refusal(R"({"members":["m1"]})"), "Unknown filter for the scheduled restart: members");
  EXPECT_EQ(refusal(R"({"oops":1,"role":"x"})"), "Unknown filter for the scheduled restart: oops")
      << "the first wrong key answers";
}

TEST(RestartBody, a_schedule_needs_a_zone_and_the_future) {
  EXPECT_EQ(refusal(R"({"schedule":"2031-05-01T12:00"})"),
            "Timezone information is mandatory for the scheduled restart");
  for (const char* value : {"\"tomorrow\"", "17", "\"\"", "null"})
    EXPECT_EQ(refusal(fmt::format(R"({{"schedule":{}}})", value), 422),
              "Unable to parse scheduled timestamp. It should be in an unambiguous format, e.g. ISO 8601");
  EXPECT_EQ(refusal(R"({"schedule":"9999-01-01T00:00Z"})", 422),
            "Cannot schedule restart more than ten years ahead");
  EXPECT_EQ(refusal(R"({"schedule":"2031-05-01T09:59:59Z"})", 422), "Cannot schedule restart in the past");
}

TEST(RestartBody, a_schedule_keeps_what_was_accepted) {
  const auto planned = std::get<ha::ScheduledRestart>(
      parse(
          R"({"schedule":"2031-05-01 12:30:00+02","role":"primary","timeout":"2min","restart_pending":"True"})")
          .value());
  EXPECT_EQ(planned.at, kMorning + 30min);
  EXPECT_EQ(planned.request.role, postgres::Role::primary);
  EXPECT_EQ(planned.shown.find("schedule")->as_string(), iso8601(kMorning + 30min));
  EXPECT_EQ(planned.shown.find("timeout")->as_int(), 120);
  EXPECT_EQ(planned.shown.find("restart_pending")->as_string(), "True");
  EXPECT_EQ(planned.shown.size(), 4u);
}

class RestartEndpointTest : public ::testing::Test {
 protected:
  ControlPort port() {
    ControlPort out;
    out.load = [this](Instant, ControlPort::Loaded done) {
      if (!unreachable.empty()) return done(std::unexpected(unreachable));
      done(std::make_shared<dcs::Cluster>(cluster));
    };
    out.restart = [this](ha::RestartOrder order, ControlPort::Restarted done) {
      ordered = std::move(order);
      if (answers) done(answer);
    };
    return out;
  }
  net::HttpResponse post(const std::string& body = {}) {
    net::HttpRequest request;
    request.method = "POST";
    request.target = "/restart";
    request.body = body;
    return tanist::test::run(io, endpoint.post(std::move(request), snapshot(), 1s));
  }
  static ha::SnapshotPtr snapshot() { return std::make_shared<ha::Snapshot>(test::primary()); }
  net::HttpResponse answered(Kind kind, const std::string& why = {}) {
    answer = {kind, why};
    return post();
  }

  boost::asio::io_context io{1};
  SystemClock clock;
  dcs::Cluster cluster;
  std::string unreachable;
  bool answers = true;
  ha::RestartAnswer answer{Kind::done, {}};
  std::optional<ha::RestartOrder> ordered;
  ControlLink link{io.get_executor(), clock, port()};
  RestartEndpoint endpoint{link, clock};
};

TEST_F(RestartEndpointTest, tells_what_became_of_it) {
  const std::vector<std::tuple<Kind, int, std::string>> expected = {
      {Kind::done, 200, "restarted successfully"},
      {Kind::still_starting, 503, "postgres is still starting"},
      {Kind::failed, 503, "restart failed"},
      {Kind::scheduled, 202, "Restart scheduled"},
      {Kind::scheduled_already, 409, "Another restart is already scheduled"},
  };
  for (const auto& [kind, status, text] : expected) {
    const auto response = answered(kind);
    EXPECT_EQ(response.status, status) << text;
    EXPECT_EQ(response.body, text);
  }
  const auto refused = answered(Kind::refused, "promote already in progress");
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.body, "promote already in progress");
}

TEST_F(RestartEndpointTest, withdraws_a_schedule) {
  answer = {Kind::dropped, {}};
  EXPECT_EQ(tanist::test::run(io, endpoint.drop(1s)).body, "scheduled restart deleted");
  EXPECT_TRUE(std::holds_alternative<ha::DropSchedule>(*ordered));
  answer = {Kind::none_scheduled, {}};
  const auto response = tanist::test::run(io, endpoint.drop(1s));
  EXPECT_EQ(response.status, 404);
  EXPECT_EQ(response.body, "no restarts are scheduled");
}

TEST_F(RestartEndpointTest, nothing_is_ordered_by_a_request_that_is_wrong) {
  EXPECT_EQ(post("[1]").status, 400);
  EXPECT_EQ(post("{").status, 400);
  EXPECT_EQ(post(R"({"role":"x"})").status, 400);
  unreachable = "no answer";
  EXPECT_EQ(post().status, 503);
  EXPECT_FALSE(ordered);
}

TEST_F(RestartEndpointTest, no_schedule_in_pause_but_a_restart) {
  cluster.config = {dcs::Version("7"), parse_json(R"({"pause":true})").value(), true};
  const auto response = post(R"({"schedule":"2131-05-01T12:00Z"})");
  EXPECT_EQ(response.status, 500);
  EXPECT_EQ(response.body, "Can't schedule restart in the paused state");
  EXPECT_FALSE(ordered);
  EXPECT_EQ(post().status, 200);
}

TEST_F(RestartEndpointTest, control_that_does_not_answer_does_not_hold_the_request_for_ever) {
  answers = false;
  const auto response = tanist::test::run(io, endpoint.drop(50ms));
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(response.body, "whether the scheduled restart was deleted is not known: no answer in time");
}

}  // namespace
}  // namespace tanist::api
