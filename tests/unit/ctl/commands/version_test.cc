#include "ctl/commands/version.h"

#include "core/version.h"
#include "unit/ctl/commands/command_test.h"

namespace tanist::ctl {
namespace {

using test::kPga;

class VersionCommandTest : public test::CommandTest {
 protected:
  std::string run(const std::string& program = "tanistctl") {
    return ended([&] {
      return run_version(
          command, program,
          [this] {
            opened = true;
            return std::make_unique<ClusterStore>("etcd", [this](Executor, Clock&, const std::string&) {
              return std::make_unique<test::FakeAccess>(store);
            });
          },
          [this] { return std::make_unique<Forwarding>(api); }, terminal);
    });
  }

  struct Forwarding final : MemberApi {
    explicit Forwarding(test::FakeApi& to) : to(to) {}
    std::expected<net::HttpResponse, NoAnswer> ask(const std::string& url, const MemberCall& call) override {
      return to.ask(url, call);
    }
    test::FakeApi& to;
  };

  VersionCommand command;
  bool opened = false;
};

TEST_F(VersionCommandTest, the_tool_alone_needs_no_store) {
  EXPECT_EQ(run(), "");
  EXPECT_EQ(all_said(), std::string("tanistctl version ") + version() + "\n");
  EXPECT_EQ(run("patronictl"), "");
  EXPECT_EQ(all_said(), "patronictl version 4.1.4\n");
  EXPECT_FALSE(opened);
}

TEST_F(VersionCommandTest, members_tell_theirs) {
  command.cluster = "shop";
  api.statuses[kPga] =
      R"({"server_version":170002,"patroni":{"version":"4.1.4","scope":"shop","name":"pga"}})";
  EXPECT_EQ(run("patronictl"), "");
  EXPECT_EQ(all_said(),
            "patronictl version 4.1.4\n\n"
            "pga: Patroni 4.1.4 PostgreSQL 17.2\n"
            "pgb: failed to get version: connection refused\n");
  command.members = {"pga"};
  api.statuses[kPga] = R"({"server_version":90624,"patroni":{"version":"3.3.0"},"tanist_version":"0.1.0"})";
  EXPECT_EQ(run("patronictl"), "");
  EXPECT_EQ(all_said(), "patronictl version 4.1.4\n\npga: Patroni 3.3.0 PostgreSQL 9.6.24\n");
  EXPECT_EQ(run(), "");
  EXPECT_TRUE(all_said().ends_with("\n\npga: Patroni 3.3.0 PostgreSQL 9.6.24 Tanist 0.1.0\n"));
  api.statuses[kPga] = R"({"patroni":{"version":"4.1.4"}})";
  EXPECT_EQ(run("patronictl"), "");
  EXPECT_EQ(all_said(), "patronictl version 4.1.4\n\npga: Patroni 4.1.4\n");
}

}  // namespace
}  // namespace tanist::ctl
