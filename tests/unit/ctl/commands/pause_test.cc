#include "ctl/commands/pause.h"

#include "unit/ctl/commands/command_test.h"

namespace tanist::ctl {
namespace {

using test::kPga;
using test::kPgb;

class PauseCommandTest : public test::CommandTest {
 protected:
  std::string run() {
    return ended([&] { return run_pause(command, store, api, terminal); });
  }
  void stored(bool pause) {
    store.cluster.config = {dcs::Version("7"), Document::map({{"pause", pause}, {"loop_wait", 3}}), true};
  }
  PauseCommand command{.cluster = "shop"};
};

TEST_F(PauseCommandTest, the_leader_is_asked_to_change_the_configuration) {
  api.answers = {{kPga, {200, "{}"}}, {kPgb, {200, "{}"}}};
  EXPECT_EQ(run(), "");
  EXPECT_EQ(all_said(), "Success: cluster management is paused\n");
  EXPECT_EQ(api.asked, std::vector{"PATCH " + std::string(kPga) + R"( config {"pause":true})"});
  stored(true);
  EXPECT_EQ(run(), "Cluster is already paused");
  command.paused = false;
  api.answers.erase(kPga);
  EXPECT_EQ(run(), "");
  EXPECT_EQ(all_said(), "Success: cluster management is resumed\n");
  EXPECT_EQ(api.asked.back(), "PATCH " + std::string(kPgb) + R"( config {"pause":null})");
  EXPECT_TRUE(warned("WARNING - Member pga is not accessible\n"));
  stored(false);
  EXPECT_EQ(run(), "Cluster is not paused");
}

TEST_F(PauseCommandTest, the_first_answer_decides) {
  api.answers = {{kPga, {401, "no auth header received"}}, {kPgb, {200, ""}}};
  EXPECT_EQ(run(), "");
  EXPECT_EQ(all_said(), "Failed: pause cluster management status code=401, (no auth header received)\n");
  EXPECT_EQ(ending, Ending::failed);
  stored(true);
  command.paused = false;
  EXPECT_EQ(run(), "");
  EXPECT_EQ(all_said(), "Failed: resume cluster management status code=401, (no auth header received)\n");
  api.answers.clear();
  EXPECT_EQ(run(), "Can not find accessible cluster member");
}

class PauseWaitTest : public PauseCommandTest {
 protected:
  PauseWaitTest() {
    stored(false);
    command.wait = true;
    api.answers = {{kPga, {200, "{}"}}};
  }
  void publishes(const char* name, bool pause) {
    auto& member = store.cluster.members[name];
    member.pause = pause;
    member.version = dcs::Version("later");
  }
};

constexpr const char* kWaiting = "'pause' request sent, waiting until it is recognized by all nodes\n";

TEST_F(PauseWaitTest, until_every_member_says_so) {
  store.before_look = [&](int look) {
    if (look == 2) publishes("pga", true);
    if (look == 3) publishes("pgb", true);
  };
  EXPECT_EQ(run(), "");
  EXPECT_EQ(all_said(), std::string(kWaiting) + "Success: cluster management is paused\n");
  EXPECT_EQ(store.looks, 4);
  EXPECT_EQ(ending, Ending::done);
}

TEST_F(PauseWaitTest, members_that_say_otherwise_are_named) {
  store.before_look = [&](int look) {
    if (look == 2) publishes("pga", true);
    if (look == 3) publishes("pgb", false);
  };
  EXPECT_EQ(run(), "");
  EXPECT_EQ(all_said(),
            std::string(kWaiting) + "pgb members didn't recognized pause state after 3 seconds\n");
  EXPECT_EQ(ending, Ending::failed);
}

TEST_F(PauseWaitTest, members_that_say_nothing_are_no_failure_and_are_told) {
  store.before_look = [&](int look) {
    if (look == 1) publishes("pga", true);
  };
  EXPECT_EQ(run(), "");
  EXPECT_EQ(all_said(), std::string(kWaiting) + "Success: cluster management is paused\n");
  EXPECT_TRUE(warned("pgb said nothing for 3 seconds"));
  EXPECT_EQ(ending, Ending::unknown);
  EXPECT_EQ(screen.now, Instant{} + std::chrono::seconds(4));
}

}  // namespace
}  // namespace tanist::ctl
