#include "api/restart_endpoint.h"
#include "json/parse.h"

#include <gtest/gtest.h>

#include "contract/run_task.h"
#include "core/format.h"
#include "unit/api/fake_control.h"
#include "unit/api/snapshots.h"

namespace tanist::api {
namespace {

using namespace std::chrono_literals;
namespace order = ha::order;
using Outcome = order::Restart::Answer::Outcome;
using Scheduled = order::ScheduleRestart::Outcome;
using Dropped = order::DropScheduledRestart::Outcome;

const WallTime kRestartsAfter{std::chrono::sys_days(std::chrono::year(2031) / 5 / 1) + 10h};

std::expected<RestartOrder, net::HttpResponse> parsed_order(const std::string& json) {
  return parse_restart(parse_json(json).value(), kRestartsAfter);
}
order::Restart immediate(const std::string& json) {
  return std::get<order::Restart>(parsed_order(json).value());
}
std::string order_refusal(const std::string& json, int status = 400) {
  const auto parsed = parsed_order(json);
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
  EXPECT_EQ(order_refusal(R"({"postgres_version":"15.x"})"), "Invalid PostgreSQL version: 15.x");
  for (const char* text : {"15", "9.6", "1.2.3.4", "15.100", "9.100.1"}) {
    EXPECT_EQ(order_refusal(fmt::format(R"({{"postgres_version":"{}"}})", text)),
              fmt::format("Invalid PostgreSQL version format: X.Y or X.Y.Z is accepted: {}", text));
  }
  for (const char* number : {"15", "15.1"})
    EXPECT_EQ(order_refusal(fmt::format(R"({{"postgres_version":{}}})", number)),
              fmt::format("Invalid PostgreSQL version format: X.Y or X.Y.Z is accepted: {}", number));
}

TEST(RestartBody, what_is_wrong_is_named) {
  EXPECT_EQ(order_refusal(R"({"role":"master"})"),
            "PostgreSQL role should be either primary, standby_leader, or replica");
  for (const char* value : {"0", "-1", "\"soon\"", "\"42towels\""})
    EXPECT_EQ(order_refusal(fmt::format(R"({{"timeout":{}}})", value)),
              "Timeout should be a positive number of seconds");
  EXPECT_EQ(order_refusal(R"({"timeout":10000000000})"),
            "Timeout is 10000000000 seconds, allowed: at most 31536000");
  EXPECT_EQ(order_refusal(R"({"members":["m1"]})"), "Unknown filter for the scheduled restart: members");
  EXPECT_EQ(order_refusal(R"({"oops":1,"role":"x"})"), "Unknown filter for the scheduled restart: oops")
      << "the first wrong key answers";
}

TEST(RestartBody, a_schedule_needs_a_zone_and_the_future) {
  EXPECT_EQ(order_refusal(R"({"schedule":"2031-05-01T12:00"})"),
            "Timezone information is mandatory for the scheduled restart");
  for (const char* value : {"\"tomorrow\"", "17", "\"\"", "null"})
    EXPECT_EQ(order_refusal(fmt::format(R"({{"schedule":{}}})", value), 422),
              "Unable to parse scheduled timestamp. It should be in an unambiguous format, e.g. ISO 8601");
  EXPECT_EQ(order_refusal(R"({"schedule":"9999-01-01T00:00Z"})", 422),
            "Cannot schedule restart more than ten years ahead");
  EXPECT_EQ(order_refusal(R"({"schedule":"2031-05-01T09:59:59Z"})", 422),
            "Cannot schedule restart in the past");
}

TEST(RestartBody, a_schedule_keeps_what_was_accepted) {
  const auto planned = std::get<order::ScheduleRestart>(
      parsed_order(
          R"({"schedule":"2031-05-01 12:30:00+02","role":"primary","timeout":"2min","restart_pending":"True"})")
          .value());
  EXPECT_EQ(planned.at, kRestartsAfter + 30min);
  EXPECT_EQ(planned.restart.role, postgres::Role::primary);
  EXPECT_EQ(planned.shown.find("schedule")->as_string(), iso8601(kRestartsAfter + 30min));
  EXPECT_EQ(planned.shown.find("timeout")->as_int(), 120);
  EXPECT_EQ(planned.shown.find("restart_pending")->as_string(), "True");
  EXPECT_EQ(planned.shown.size(), 4u);
}

class RestartEndpointTest : public ::testing::Test {
 protected:
  RestartEndpointTest() {
    control.read = [this](order::ReadCluster) -> order::ReadCluster::Answer {
      if (!unreachable.empty()) return std::unexpected(unreachable);
      return std::make_shared<dcs::Cluster>(cluster);
    };
    control.restart = [this](order::Restart) {
      ++ordered;
      return restarted;
    };
    control.schedule = [this](order::ScheduleRestart) {
      ++ordered;
      return scheduled;
    };
    control.drop = [this](order::DropScheduledRestart) { return dropped; };
    mailbox.open(scope, control);
  }
  ~RestartEndpointTest() override {
    mailbox.close("the test is over");
    tanist::test::run(io, scope.close());
  }
  net::HttpResponse post(const std::string& body = {}) {
    net::HttpRequest request;
    request.method = "POST";
    request.target = "/restart";
    request.body = body;
    return tanist::test::run(io, endpoint.post(std::move(request), snapshot(), patience));
  }
  std::string tomorrow() const {
    return fmt::format(R"({{"schedule":"{}"}})", iso8601(clock.wall_now() + 24h));
  }
  static ha::SnapshotPtr snapshot() { return std::make_shared<ha::Snapshot>(test::primary()); }
  net::HttpResponse answered(Outcome outcome, const std::string& why = {}) {
    restarted = order::Restart::Answer{outcome, why};
    return post();
  }
  static void expect(const net::HttpResponse& response, int status, const std::string& text) {
    EXPECT_EQ(response.status, status) << text;
    EXPECT_EQ(response.body, text);
  }

  boost::asio::io_context io{1};
  SystemClock clock;
  dcs::Cluster cluster;
  std::string unreachable;
  /// nullopt: no answer.
  std::optional<order::Restart::Answer> restarted = order::Restart::Answer{Outcome::done, {}};
  std::optional<order::ScheduleRestart::Answer> scheduled = Scheduled::scheduled;
  std::optional<order::DropScheduledRestart::Answer> dropped = Dropped::dropped;
  int ordered = 0;
  Duration patience = 10s;
  test::FakeControl control;
  TaskScope scope{io.get_executor()};
  ha::Mailbox mailbox{clock, "the daemon has not started yet"};
  ControlReads reads{mailbox, clock};
  RestartEndpoint endpoint{mailbox, reads, clock};
};

TEST_F(RestartEndpointTest, tells_what_became_of_it) {
  expect(answered(Outcome::done), 200, "restarted successfully");
  expect(answered(Outcome::still_starting), 503, "postgres is still starting");
  expect(answered(Outcome::failed), 503, "restart failed");
  expect(answered(Outcome::refused, "promote already in progress"), 503, "promote already in progress");
}

TEST_F(RestartEndpointTest, tells_whether_it_is_scheduled) {
  const std::string body = tomorrow();
  expect(post(body), 202, "Restart scheduled");
  scheduled = Scheduled::scheduled_already;
  expect(post(body), 409, "Another restart is already scheduled");
}

TEST_F(RestartEndpointTest, withdraws_a_schedule) {
  expect(tanist::test::run(io, endpoint.drop(1s)), 200, "scheduled restart deleted");
  dropped = Dropped::none_scheduled;
  expect(tanist::test::run(io, endpoint.drop(1s)), 404, "no restarts are scheduled");
}

TEST_F(RestartEndpointTest, tells_why_a_schedule_could_not_be_kept_or_withdrawn) {
  scheduled = std::unexpected("the restart is not scheduled, it could not be noted: no space left on device");
  expect(post(tomorrow()), 503,
         "the restart is not scheduled, it could not be noted: no space left on device");
  dropped = std::unexpected("the restart stays scheduled");
  expect(tanist::test::run(io, endpoint.drop(1s)), 503, "the restart stays scheduled");
}

TEST_F(RestartEndpointTest, nothing_is_ordered_by_a_request_that_is_wrong) {
  EXPECT_EQ(post("[1]").status, 400);
  EXPECT_EQ(post("{").status, 400);
  EXPECT_EQ(post(R"({"role":"x"})").status, 400);
  unreachable = "no answer";
  EXPECT_EQ(post().status, 503);
  EXPECT_EQ(ordered, 0);
}

TEST_F(RestartEndpointTest, no_schedule_in_pause_but_a_restart) {
  cluster.config = {dcs::Version("7"), parse_json(R"({"pause":true})").value(), true};
  const auto response = post(R"({"schedule":"2131-05-01T12:00Z"})");
  EXPECT_EQ(response.status, 500);
  EXPECT_EQ(response.body, "Can't schedule restart in the paused state");
  EXPECT_EQ(ordered, 0);
  EXPECT_EQ(post().status, 200);
}

TEST_F(RestartEndpointTest, control_that_does_not_answer_does_not_hold_the_request_for_ever) {
  patience = 200ms;
  dropped.reset();
  scheduled.reset();
  expect(tanist::test::run(io, endpoint.drop(50ms)), 503,
         "whether the scheduled restart was deleted is not known: no answer in time");
  expect(post(tomorrow()), 503, "whether the restart was scheduled is not known: no answer in time");
}

TEST_F(RestartEndpointTest, a_daemon_that_does_not_take_orders_says_why) {
  mailbox.close("the daemon is shutting down");
  expect(tanist::test::run(io, endpoint.drop(1s)), 503, "the daemon is shutting down");
  EXPECT_EQ(post().status, 503);
  EXPECT_EQ(ordered, 0);
}

}  // namespace
}  // namespace tanist::api
