#include "ctl/commands/reinit.h"

#include "unit/ctl/commands/command_test.h"

namespace tanist::ctl {
namespace {

using test::kPga;
using test::kPgb;

class ReinitCommandTest : public test::CommandTest {
 protected:
  std::string run() {
    command.cluster = "shop";
    return ended([&] { return run_reinit(command, store, api, terminal); });
  }
  std::string asked_at(std::size_t i) { return i < api.asked.size() ? api.asked[i] : "nothing"; }
  ReinitCommand command;
};

std::string reinit_call(bool force, bool from_leader) {
  return "POST " + std::string(kPgb) + " reinitialize {\"force\":" + (force ? "true" : "false") +
         ",\"from_leader\":" + (from_leader ? "true" : "false") + "}";
}

TEST_F(ReinitCommandTest, a_member_is_asked_for_and_confirmed) {
  test::add_member(store.cluster, "pgc", "10.1.0.13");
  api.answers = {{kPgb, {200, "reinitialize started"}}};
  answers("pgb\ny\n");
  EXPECT_EQ(run(), "");
  EXPECT_EQ(dialogue(),
            "<table>\n"
            "Which member do you want to reinitialize [pgb, pgc]? []: "
            "Are you sure you want to reinitialize members pgb? [y/N]: "
            "Success: reinitialize for member pgb\n");
  EXPECT_EQ(api.asked, std::vector{reinit_call(false, false)});
}

TEST_F(ReinitCommandTest, the_leader_and_strangers_are_refused) {
  answers("\npga\n");
  EXPECT_EQ(run(), " is not a member of cluster");
  EXPECT_EQ(run(), "pga is not a member of cluster");
  command.members = {"pga"};
  EXPECT_EQ(run(), "No replica among provided members");
  command.members = {"pgb"};
  answers("n\n");
  EXPECT_EQ(run(), "Aborted reinitialize");
  EXPECT_TRUE(api.asked.empty());
}

TEST_F(ReinitCommandTest, force_without_a_name_does_nothing) {
  command.force = true;
  EXPECT_EQ(run(), "");
  EXPECT_EQ(said(), "");
  EXPECT_TRUE(api.asked.empty());
}

TEST_F(ReinitCommandTest, what_is_going_on_is_cancelled_if_that_is_wanted) {
  command.members = {"pgb"};
  command.from_leader = true;
  api.answers = {{kPgb, {503, "restart already in progress"}}};
  api.on_call = [&] {
    if (api.asked.size() == 2) api.answers[kPgb] = {200, "reinitialize started"};
  };
  answers("y\ny\n");
  EXPECT_EQ(run(), "");
  EXPECT_EQ(said(),
            "Are you sure you want to reinitialize members pgb? [y/N]: "
            "Failed: reinitialize for member pgb, status code=503, (restart already in progress)\n"
            "Do you want to cancel it and reinitialize anyway? [y/N]: "
            "Success: reinitialize for member pgb\n");
  EXPECT_EQ(api.asked, (std::vector{reinit_call(false, true), reinit_call(true, true)}));
}

TEST_F(ReinitCommandTest, waiting_is_for_a_server_that_was_not_there_before) {
  command.members = {"pgb"};
  command.force = command.wait = true;
  api.answers = {{kPgb, {200, "reinitialize started"}}};
  const std::string before = R"({"state":"running","postmaster_start_time":"1"})";
  const std::vector<std::string> states = {before, R"({"state":"creating replica"})",
                                           R"({"state":"starting"})",
                                           R"({"state":"running","postmaster_start_time":"2"})"};
  api.statuses[kPgb] = before;
  std::size_t looks = 0;
  terminal.sleep_until = [&](Instant until) {
    screen.now = until;
    api.statuses[kPgb] = states.at(looks++);
    return true;
  };
  EXPECT_EQ(run(), "");
  EXPECT_EQ(said(),
            "Success: reinitialize for member pgb\n"
            "Waiting for reinitialize to complete on: pgb\n"
            "Reinitialize is completed on: pgb\n");
  EXPECT_EQ(looks, 4u);
  EXPECT_EQ(ending, Ending::done);
}

TEST_F(ReinitCommandTest, waiting_ends_where_nothing_goes_on_any_more) {
  command.members = {"pgb"};
  command.force = command.wait = true;
  api.answers = {{kPgb, {200, "reinitialize started"}}};
  api.statuses[kPgb] = R"({"state":"start failed"})";
  EXPECT_EQ(run(), "");
  EXPECT_TRUE(
      said().ends_with("Failed: reinitialize on member pgb: state is 'start failed' since 60 seconds\n"))
      << said();
  EXPECT_EQ(ending, Ending::failed);
}

TEST_F(ReinitCommandTest, a_member_without_an_answer_is_an_error) {
  command.members = {"pgb"};
  command.force = true;
  EXPECT_EQ(run(), "no answer from pgb");
  EXPECT_EQ(said(), "Failed: reinitialize for member pgb, connection refused\n");
}

}  // namespace
}  // namespace tanist::ctl
