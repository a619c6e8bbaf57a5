#include "setup/world.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tanist::setup {
namespace {

TEST(Versions, are_read_from_what_the_server_prints) {
  EXPECT_EQ(server_version_number("postgres (PostgreSQL) 15.4 (Debian 15.4-1.pgdg120+1)\n"), 150004);
  EXPECT_EQ(server_version_number("postgres (PostgreSQL) 9.6.24"), 90624);
  EXPECT_EQ(server_version_number("postgres (PostgreSQL) 18beta1"), 180000);
  EXPECT_EQ(server_version_number("something else"), 0);
  EXPECT_EQ(major_version_text(150004), "15");
  EXPECT_EQ(major_version_text(90624), "9.6");
}

TEST(Host, looks_at_this_host) {
  Host host;
  EXPECT_FALSE(host.host_name().empty());
  EXPECT_EQ(host.accepts("127.0.0.1", 1), false);
  EXPECT_TRUE(host.version_of("/bin/cat").value_or("").starts_with("cat"));
  EXPECT_FALSE(host.version_of("/nowhere/at/all"));
  EXPECT_EQ(find_program(host, "", "sh").ends_with("/sh"), true);
  EXPECT_EQ(find_program(host, "/nowhere", "sh"), "");
  EXPECT_EQ(find_program(host, "", "/bin/sh"), "/bin/sh");
}

}  // namespace
}  // namespace tanist::setup
