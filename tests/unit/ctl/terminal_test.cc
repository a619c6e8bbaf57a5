#include "ctl/terminal.h"

#include <gtest/gtest.h>

#include "unit/ctl/surroundings.h"

namespace tanist::ctl {
namespace {

TEST(Terminal, a_default_stands_in_for_no_answer) {
  test::FakeTerminal screen;
  screen.in.str("\npgb\n");
  const auto terminal = screen.terminal();
  EXPECT_EQ(ask(terminal, "Primary", "pga"), "pga");
  EXPECT_EQ(ask(terminal, "Primary", "pga"), "pgb");
  EXPECT_EQ(screen.out.str(), "Primary [pga]: Primary [pga]: ");
  EXPECT_THROW(ask(terminal, "Primary", "pga"), Aborted);
}

TEST(Terminal, without_a_default_it_is_asked_again) {
  test::FakeTerminal screen;
  screen.in.str("\n\nshop\n");
  EXPECT_EQ(ask(screen.terminal(), "Name"), "shop");
  EXPECT_EQ(screen.out.str(), "Name: Name: Name: ");
}

TEST(Terminal, a_secret_ends_its_line_itself) {
  test::FakeTerminal screen;
  screen.in.str("geheim\n");
  EXPECT_EQ(ask_secret(screen.terminal(), "Password"), "geheim");
  EXPECT_EQ(screen.out.str(), "Password: \n");
}

}  // namespace
}  // namespace tanist::ctl
