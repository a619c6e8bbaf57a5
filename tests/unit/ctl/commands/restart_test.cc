#include "ctl/commands/restart.h"

#include "ctl/schedule.h"
#include "unit/ctl/commands/command_test.h"

namespace tanist::ctl {
namespace {

using test::kPga;
using test::kPgb;

class RestartCommandTest : public test::CommandTest {
 protected:
  std::string run() {
    command.cluster = "shop";
    return ended([&] { return run_restart(command, store, api, terminal); });
  }
  RestartCommand command;
};

std::string restart_call(const char* url, const std::string& body) {
  return "POST " + std::string(url) + " restart " + body;
}

TEST_F(RestartCommandTest, time_members_and_version_are_asked_for_in_this_order) {
  api.answers = {{kPga, {200, "restarted successfully"}}, {kPgb, {503, "restart failed"}}};
  answers("now\ny\n17.3\n");
  EXPECT_EQ(run(), "");
  const std::string example = an_hour_from(WallTime{});
  EXPECT_EQ(dialogue(),
            "<table>\n"
            "When should the restart take place (e.g. " +
                example +
                ")  [now]: "
                "Are you sure you want to restart members pga, pgb? [y/N]: "
                "Restart if the PostgreSQL version is less than provided (e.g. 9.5.2)  []: "
                "Success: restart on member pga\n"
                "Failed: restart for member pgb, status code=503, (restart failed)\n");
  EXPECT_EQ(api.asked, (std::vector{restart_call(kPga, R"({"postgres_version":"17.3"})"),
                                    restart_call(kPgb, R"({"postgres_version":"17.3"})")}));
  EXPECT_EQ(ending, Ending::failed);
}

TEST_F(RestartCommandTest, force_asks_nothing_and_sends_what_was_given) {
  api.answers = {{kPga, {202, "Restart scheduled"}}, {kPgb, {409, "Another restart is already scheduled"}}};
  command.force = true;
  command.scheduled = "2031-01-01T10:00:00+01:00";
  command.older_than = "9.6.24";
  command.timeout = "10min";
  command.pending = true;
  EXPECT_EQ(run(), "");
  const std::string body =
      R"({"restart_pending":true,"postgres_version":"9.6.24","schedule":"2031-01-01T10:00:00+01:00",)"
      R"("timeout":"10min"})";
  EXPECT_EQ(api.asked, (std::vector{restart_call(kPga, body), restart_call(kPgb, body)}));
  EXPECT_EQ(said(),
            "Success: restart scheduled on member pga\n"
            "Failed: another restart is already scheduled on member pgb\n");
}

TEST_F(RestartCommandTest, a_schedule_is_confirmed_with_its_time) {
  command.scheduled = "2031-01-01 10:00+01:00";
  answers("n\n");
  EXPECT_EQ(run(), "Aborted scheduled restart");
  EXPECT_EQ(
      said(),
      "Are you sure you want to schedule restart of members pga, pgb at 2031-01-01 10:00:00+01:00? [y/N]: ");
  command.pending = true;
  answers("n\n");
  EXPECT_EQ(run(), "Aborted scheduled restart");
  EXPECT_EQ(
      said(),
      "The nodes needing a restart will be identified at the scheduled time, and might be different from "
      "the ones showing pending restart right now. Is this fine? [y/N]: ");
  command.scheduled = "soon";
  EXPECT_EQ(
      run(),
      "Unable to parse scheduled timestamp (soon). It should be in an unambiguous format (e.g. ISO 8601)");
  EXPECT_TRUE(api.asked.empty());
}

TEST_F(RestartCommandTest, of_those_that_wait_for_it_only_at_once) {
  store.cluster.members["pgb"].pending_restart = true;
  api.answers = {{kPga, {200, ""}}, {kPgb, {200, ""}}};
  command.pending = true;
  command.scheduled = "now";
  command.older_than = "";
  answers("y\n");
  EXPECT_EQ(run(), "");
  EXPECT_EQ(said(), "Are you sure you want to restart members pgb? [y/N]: Success: restart on member pgb\n");
  store.cluster.members["pgb"].pending_restart = false;
  answers("y\n");
  EXPECT_EQ(run(), "");
  EXPECT_EQ(said(), "Are you sure you want to restart members ? [y/N]: ");
}

TEST_F(RestartCommandTest, any_is_one) {
  api.answers = {{kPga, {200, ""}}, {kPgb, {200, ""}}};
  command.any_one = true;
  command.force = true;
  EXPECT_EQ(run(), "");
  EXPECT_EQ(api.asked.size(), 1u);
}

TEST_F(RestartCommandTest, what_cannot_be_is_an_error_before_anything_is_asked) {
  command.force = true;
  command.older_than = "17";
  EXPECT_EQ(run(), "Invalid PostgreSQL version format: X.Y or X.Y.Z is accepted: 17");
  command.older_than = "new";
  EXPECT_EQ(run(), "Invalid PostgreSQL version: new");
  command.older_than.reset();
  command.timeout = "42towels";
  EXPECT_EQ(run(), "Timeout should be a positive number of seconds");
  command.timeout.reset();
  command.scheduled = "2031-01-01T10:00";
  store.cluster.config = {dcs::Version("7"), Document::map({{"pause", true}}), true};
  EXPECT_EQ(run(), "Can't schedule restart in the paused state");
  EXPECT_TRUE(api.asked.empty());
}

TEST_F(RestartCommandTest, force_replaces_a_schedule) {
  command.force = true;
  command.members = {"pgb"};
  command.scheduled = "2031-01-01T10:00Z";
  store.cluster.members["pgb"].raw.set("scheduled_restart", Document::map({{"schedule", "x"}}));
  api.answers = {{kPgb, {202, ""}}};
  EXPECT_EQ(run(), "");
  ASSERT_EQ(api.asked.size(), 2u);
  EXPECT_EQ(api.asked[0], "DELETE " + std::string(kPgb) + " restart");
  EXPECT_EQ(said(), "Success: restart scheduled on member pgb\n");
}

TEST_F(RestartCommandTest, a_request_without_an_answer_may_be_carried_out) {
  command.force = true;
  command.members = {"pgb"};
  api.statuses = {{kPgb, "{}"}};
  EXPECT_EQ(run(), "no answer from pgb");
  EXPECT_EQ(
      said(),
      "Failed: restart for member pgb, no answer came, it may happen all the same: no answer in time\n");
}

TEST_F(RestartCommandTest, whoever_has_the_address_of_another_is_not_restarted) {
  command.force = true;
  api.statuses = {{kPga, R"({"patroni":{"scope":"town","name":"pga"}})"}, {kPgb, "<html>"}};
  EXPECT_EQ(run(), "no answer from pga, pgb");
  EXPECT_EQ(said(), "Failed: restart for member pga, member pga of cluster town answers at its address " +
                        std::string(kPga) +
                        "\n"
                        "Failed: restart for member pgb, what answers at " +
                        kPgb +
                        " is no member of a cluster: it came back with status 200 and no JSON object\n");
  api.statuses = {{kPga, R"({"patroni":{"scope":"shop","name":"pgc"}})"}};
  EXPECT_EQ(run(), "no answer from pga, pgb");
  EXPECT_TRUE(api.asked.empty());
}

}  // namespace
}  // namespace tanist::ctl
