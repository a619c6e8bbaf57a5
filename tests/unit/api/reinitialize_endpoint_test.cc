#include "api/reinitialize_endpoint.h"

#include <gtest/gtest.h>

#include "contract/run_task.h"
#include "json/parse.h"
#include "unit/api/fake_control.h"

namespace tanist::api {
namespace {

namespace order = ha::order;

order::Reinitialize copy_wanted(const std::string& json) {
  return parse_reinitialize(parse_json(json).value());
}

TEST(ReinitializeBody, truth_values_of_every_form_count_and_nothing_else) {
  for (const char* value : {"true", "1", "\"true\"", "\"On\"", "\"YES\"", "\"1\""}) {
    EXPECT_TRUE(copy_wanted(std::string("{\"force\":") + value + "}").force) << value;
    EXPECT_TRUE(copy_wanted(std::string("{\"from_leader\":") + value + "}").from_leader) << value;
  }
  for (const char* value : {"false", "0", "\"off\"", "\"\"", "null", "[]", "{}", "17", "\"maybe\""})
    EXPECT_FALSE(copy_wanted(std::string("{\"force\":") + value + "}").force) << value;
  EXPECT_FALSE(copy_wanted(R"({"from-leader":true})").from_leader) << "an underscore";
}

class ReinitializeEndpointTest : public ::testing::Test {
 protected:
  using Outcome = order::Reinitialize::Answer::Outcome;

  ReinitializeEndpointTest() {
    control.reinitialize = [this](order::Reinitialize asked) {
      ++ordered;
      EXPECT_GT(asked.deadline, clock.now());
      return answer;
    };
    mailbox.open(scope, control);
  }
  ~ReinitializeEndpointTest() override {
    mailbox.close("the test is over");
    tanist::test::run(io, scope.close());
  }
  net::HttpResponse post(const std::string& body = {}) {
    net::HttpRequest request;
    request.method = "POST";
    request.target = "/reinitialize";
    request.body = body;
    return tanist::test::run(io, endpoint.post(std::move(request)));
  }

  boost::asio::io_context io{1};
  SystemClock clock;
  order::Reinitialize::Answer answer{.outcome = Outcome::started, .why = {}};
  int ordered = 0;
  test::FakeControl control;
  TaskScope scope{io.get_executor()};
  ha::Mailbox mailbox{clock, "the daemon has not started yet"};
  ReinitializeEndpoint endpoint{mailbox, clock};
};

TEST_F(ReinitializeEndpointTest, tells_that_it_was_started) {
  const auto response = post();
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, "reinitialize started");
}

TEST_F(ReinitializeEndpointTest, tells_why_it_was_not) {
  answer = order::Reinitialize::Answer::refused("I am the leader, can not reinitialize");
  const auto response = post(R"({"force": true})");
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(response.body, "I am the leader, can not reinitialize");
}

/// Patroni answers 400 and reinitializes all the same.
TEST_F(ReinitializeEndpointTest, a_body_that_is_wrong_changes_nothing) {
  for (const char* body : {"{", "[1]", "true", "\"force\"", "{\"force\": tru}"})
    EXPECT_EQ(post(body).status, 400) << body;
  EXPECT_EQ(ordered, 0);
}

TEST_F(ReinitializeEndpointTest, a_daemon_that_takes_no_orders_says_why) {
  mailbox.close("the daemon is shutting down");
  const auto response = post();
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(response.body, "the daemon is shutting down");
}

}  // namespace
}  // namespace tanist::api
