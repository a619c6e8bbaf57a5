#include "ctl/commands/remove.h"

#include "unit/ctl/commands/command_test.h"

namespace tanist::ctl {
namespace {

class RemoveCommandTest : public test::CommandTest {
 protected:
  std::string run(const std::string& typed, Format format = Format::pretty) {
    answers(typed);
    return ended([&] {
      run_remove("shop", format, store, terminal);
      return Ending::done;
    });
  }
};

TEST_F(RemoveCommandTest, the_name_a_phrase_and_the_leader_are_typed) {
  EXPECT_EQ(run("shop\nYes I am aware\npga\n"), "");
  EXPECT_EQ(dialogue(),
            "<table>\n"
            "Please confirm the cluster name to remove: "
            "You are about to remove all information in DCS for shop, please type: \"Yes I am aware\": "
            "This cluster currently is healthy. Please specify the leader name to continue: ");
  EXPECT_TRUE(store.removed);
  EXPECT_TRUE(warned("WARNING - members still run: pga, pgb;")) << screen.err.str();
}

TEST_F(RemoveCommandTest, a_wrong_word_removes_nothing) {
  EXPECT_EQ(run("\nshopp\n"), "Cluster names specified do not match");
  EXPECT_EQ(run("shop\nyes i am aware\n"), "You did not exactly type \"Yes I am aware\"");
  EXPECT_EQ(run("shop\nYes I am aware\npgb\n"), "You did not specify the current leader of the cluster");
  EXPECT_EQ(run("shop\n"), "Aborted!");
  EXPECT_FALSE(store.removed);
}

TEST_F(RemoveCommandTest, without_a_leader_none_is_asked_for) {
  store.cluster.leader.reset();
  store.cluster.members.clear();
  EXPECT_EQ(run("shop\nYes I am aware\n", Format::json), "");
  EXPECT_TRUE(all_said().starts_with("[]\nPlease confirm")) << all_said();
  EXPECT_TRUE(store.removed);
  EXPECT_FALSE(warned("still run"));
}

TEST_F(RemoveCommandTest, what_the_store_refuses_is_an_error) {
  store.outcome = {dcs::Outcome::unavailable, {}, "connection refused"};
  EXPECT_EQ(run("shop\nYes I am aware\npga\n"), "could not remove cluster shop: connection refused");
}

}  // namespace
}  // namespace tanist::ctl
