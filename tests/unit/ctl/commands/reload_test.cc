#include "ctl/commands/reload.h"

#include <gtest/gtest.h>

#include "unit/ctl/commands/command_test.h"

namespace tanist::ctl {
namespace {

using test::kPga;
using test::kPgb;

class ReloadCommandTest : public ::testing::Test {
 protected:
  /// What the command ends with: empty, or the text of its error.
  std::string run() {
    command.cluster = "shop";
    try {
      run_reload(command, store, api, screen.terminal());
    } catch (const Failure& failure) {
      return failure.what();
    } catch (const Aborted& aborted) {
      return aborted.what();
    }
    return {};
  }
  std::string said() const {
    const std::string all = screen.out.str();
    const auto table = all.rfind("-+\n");
    return table == std::string::npos ? all : all.substr(table + 3);
  }

  ReloadCommand command;
  test::FakeStore store;
  test::FakeApi api;
  test::FakeTerminal screen;
};

TEST_F(ReloadCommandTest, each_member_is_asked_after_a_question) {
  store.cluster.config = {dcs::Version("7"), Document::map({{"loop_wait", 5}}), true};
  api.answers = {{kPga, {202, "reload scheduled"}}, {kPgb, {200, ""}}};
  screen.in.str("maybe\nYES\n");
  EXPECT_EQ(run(), "");
  EXPECT_TRUE(screen.out.str().starts_with("+ Cluster: shop (7411111111111111111)")) << screen.out.str();
  EXPECT_EQ(said(),
            "Are you sure you want to reload members pga, pgb? [y/N]: Error: invalid input\n"
            "Are you sure you want to reload members pga, pgb? [y/N]: "
            "Reload request received for member pga and will be processed within 5 seconds\n"
            "No changes to apply on member pgb\n");
  EXPECT_EQ(api.asked, (std::vector<std::string>{"POST " + std::string(kPga) + " reload",
                                                 "POST " + std::string(kPgb) + " reload"}));
}

TEST_F(ReloadCommandTest, who_is_refused_is_told_where_passwords_and_certificates_come_from) {
  command.force = true;
  api.answers = {{kPga, {401, "no auth header received"}}, {kPgb, {403, "client certificate required"}}};
  EXPECT_EQ(run(), "");
  EXPECT_EQ(said(),
            "Failed: reload for member pga, status code=401, (no auth header received)\n"
            "Failed: reload for member pgb, status code=403, (client certificate required)\n");
  const auto hints = screen.err.str();
  EXPECT_TRUE(
      hints.starts_with("HINT: ctl.authentication of the configuration (else restapi.authentication) has"))
      << hints;
  EXPECT_NE(hints.find("\nHINT: ctl.certfile of the configuration is the certificate"), std::string::npos)
      << hints;
}

TEST_F(ReloadCommandTest, no_is_an_error_and_nothing_is_asked) {
  screen.in.str("\n");
  EXPECT_EQ(run(), "Aborted reload");
  EXPECT_EQ(run(), "Aborted!") << "the input is at its end";
  EXPECT_TRUE(api.asked.empty());
}

TEST_F(ReloadCommandTest, the_local_loop_wait_stands_in) {
  api.answers = {{kPga, {202, ""}}};
  command.force = true;
  command.role = "leader";
  EXPECT_EQ(run(), "");
  EXPECT_NE(said().find("within 10 seconds"), std::string::npos);
  command.local = Document::map({{"loop_wait", 3}});
  EXPECT_EQ(run(), "");
  EXPECT_NE(said().find("within 3 seconds"), std::string::npos);
}

TEST_F(ReloadCommandTest, a_refusal_is_shown_and_no_answer_is_an_error) {
  api.answers = {{kPga, {401, "no auth header received"}}};
  command.force = true;
  EXPECT_EQ(run(), "no answer from pgb");
  EXPECT_EQ(said(),
            "Failed: reload for member pga, status code=401, (no auth header received)\n"
            "Failed: reload for member pgb, connection refused\n");
}

TEST_F(ReloadCommandTest, members_are_chosen_by_role_and_name) {
  command.force = true;
  api.answers = {{kPga, {202, ""}}, {kPgb, {202, ""}}};
  command.role = "replica";
  EXPECT_EQ(run(), "");
  EXPECT_EQ(api.asked.size(), 1u);
  command.members = {"pga"};
  EXPECT_EQ(run(), "No 'replica' among provided members");
  command.role = "any";
  command.members = {"pgb", "nobody"};
  EXPECT_EQ(run(), "");
  EXPECT_NE(screen.err.str().find("WARNING - nobody is not among the members of shop"), std::string::npos);
  command.role = "standby-leader";
  command.members.clear();
  EXPECT_EQ(run(), "shop cluster doesn't have any members");
}

}  // namespace
}  // namespace tanist::ctl
