#include "ctl/commands/standby_cluster.h"

#include "unit/ctl/commands/command_test.h"

namespace tanist::ctl {
namespace {

using test::kPga;

class StandbyClusterCommandTest : public test::CommandTest {
 protected:
  StandbyClusterCommandTest() { api.answers = {{kPga, {200, "{}"}}}; }
  std::string run() {
    return ended([&] { return run_standby_cluster(command, store, api, terminal); });
  }
  void lead_as(const std::string& name, const std::string& role) {
    store.cluster.leader->name = name;
    for (auto& [other, member] : store.cluster.members) member.role = other == name ? role : "replica";
  }
  StandbyClusterCommand command{.cluster = "shop",
                                .demote = true,
                                .host = "10.2.0.11",
                                .port = 5433,
                                .restore_command = std::nullopt,
                                .primary_slot_name = std::nullopt,
                                .force = true,
                                .timeout = std::nullopt};
};

TEST_F(StandbyClusterCommandTest, a_demotion_is_asked_of_the_leader_and_waited_for) {
  store.before_look = [&](int look) {
    if (look == 2) store.cluster.members["pga"].state = "stopping";
    if (look == 3) lead_as("pga", "standby_leader"), store.cluster.members["pga"].state = "running";
  };
  EXPECT_EQ(run(), "");
  EXPECT_EQ(api.asked, std::vector{"PATCH " + std::string(kPga) +
                                   R"( config {"standby_cluster":{"host":"10.2.0.11","port":5433}})"});
  const std::string said = all_said();
  EXPECT_TRUE(said.starts_with("Current cluster topology\n")) << said;
  EXPECT_NE(said.find(" cluster is unlocked: False, leader role: primary, leader state: running\n"),
            std::string::npos)
      << said;
  EXPECT_NE(said.find("leader role: primary, leader state: stopping\n"), std::string::npos) << said;
  EXPECT_NE(said.find(" cluster is successfully demoted\n"), std::string::npos) << said;
}

TEST_F(StandbyClusterCommandTest, a_demotion_that_moves_the_lead_waits_for_the_old_leader_too) {
  store.before_look = [&](int look) {
    if (look == 1) lead_as("pgb", "standby_leader"), store.cluster.members["pga"].state = "starting";
    if (look == 2) store.cluster.members["pga"].state = "running";
  };
  EXPECT_EQ(run(), "");
  EXPECT_NE(all_said().find("leader role: standby_leader, leader state: running, previous leader state: "
                            "'starting'\n"),
            std::string::npos)
      << all_said();
}

TEST_F(StandbyClusterCommandTest, a_promotion_clears_the_section) {
  command = {.cluster = "shop",
             .demote = false,
             .host = std::nullopt,
             .port = std::nullopt,
             .restore_command = std::nullopt,
             .primary_slot_name = std::nullopt,
             .force = true,
             .timeout = std::nullopt};
  lead_as("pga", "standby_leader");
  store.before_look = [&](int look) {
    if (look == 2) lead_as("pga", "primary");
  };
  EXPECT_EQ(run(), "");
  EXPECT_EQ(api.asked, std::vector{"PATCH " + std::string(kPga) + R"( config {"standby_cluster":null})"});
  EXPECT_NE(all_said().find(" cluster is successfully promoted\n"), std::string::npos) << all_said();
  EXPECT_EQ(run(), "Cluster is already in the required state");
}

TEST_F(StandbyClusterCommandTest, somebody_to_follow_is_named) {
  command.host.reset();
  command.port.reset();
  EXPECT_EQ(run(), "At least --host, --port or --restore-command should be specified");
  command.restore_command = "cp /archive/%f %p";
  command.primary_slot_name = "shop";
  store.before_look = [&](int look) {
    if (look == 1) lead_as("pga", "standby_leader");
  };
  EXPECT_EQ(run(), "");
  EXPECT_EQ(
      api.asked.back(),
      "PATCH " + std::string(kPga) +
          R"( config {"standby_cluster":{"primary_slot_name":"shop","restore_command":"cp /archive/%f %p"}})");
}

TEST_F(StandbyClusterCommandTest, nobody_follows_himself) {
  command.host = "10.9.0.1,10.1.0.12";
  command.port.reset();
  EXPECT_EQ(run(), "10.1.0.12:5432 is pgb, a member of cluster shop itself");
  EXPECT_TRUE(api.asked.empty());
}

TEST_F(StandbyClusterCommandTest, it_needs_a_leader) {
  store.cluster.leader.reset();
  EXPECT_EQ(run(), "Cluster has no leader, demotion is not possible");
  command.demote = false;
  EXPECT_EQ(run(), "Cluster has no leader, promotion is not possible");
}

TEST_F(StandbyClusterCommandTest, it_is_asked_for_once_more) {
  command.force = false;
  answers("n\n");
  EXPECT_EQ(run(), "Aborted cluster demotion");
  EXPECT_NE(all_said().find("Are you sure you want to demote shop cluster? [y/N]: "), std::string::npos);
  EXPECT_TRUE(api.asked.empty());
}

TEST_F(StandbyClusterCommandTest, a_refusal_is_an_error) {
  api.answers = {{kPga, {409, "no"}}};
  EXPECT_EQ(
      run(),
      "Failed to demote shop cluster: Failed to demote shop cluster: /config PATCH status code=409, (no)");
  api.answers.clear();
  EXPECT_TRUE(run().starts_with("Failed to demote shop cluster: "));
}

TEST_F(StandbyClusterCommandTest, patience_may_have_an_end) {
  command.timeout = std::chrono::seconds(3);
  EXPECT_EQ(run(), "");
  EXPECT_EQ(ending, Ending::unknown);
  EXPECT_TRUE(warned("the demotion of the cluster goes on"));
}

}  // namespace
}  // namespace tanist::ctl
