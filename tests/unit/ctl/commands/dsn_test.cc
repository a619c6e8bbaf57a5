#include "ctl/commands/dsn.h"

#include "unit/ctl/commands/command_test.h"

namespace tanist::ctl {
namespace {

class DsnCommandTest : public test::CommandTest {
 protected:
  std::string run(const MemberWanted& wanted) {
    const auto failure = ended([&] {
      run_dsn("shop", wanted, store, terminal);
      return Ending::done;
    });
    return failure.empty() ? all_said() : failure;
  }
};

TEST_F(DsnCommandTest, of_the_leader_of_a_role_or_of_a_member) {
  EXPECT_EQ(run({}), "host=10.1.0.11 port=5432\n");
  EXPECT_EQ(run({.role = "replica"}), "host=10.1.0.12 port=5432\n");
  EXPECT_EQ(run({.role = "any"}), "host=10.1.0.11 port=5432\n");
  EXPECT_EQ(run({.member = "pgb"}), "host=10.1.0.12 port=5432\n");
  EXPECT_EQ(run({.role = "standby-leader"}), "Can not find a suitable member");
  EXPECT_EQ(run({.member = "pgc"}), "Can not find a suitable member");
  EXPECT_EQ(run({.role = "any", .member = "pgb"}), "--role and --member are mutually exclusive options");
}

}  // namespace
}  // namespace tanist::ctl
