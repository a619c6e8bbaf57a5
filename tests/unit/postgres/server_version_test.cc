#include "postgres/server_version.h"

#include <gtest/gtest.h>

namespace tanist::postgres {
namespace {

TEST(ServerVersion, two_parts_since_10_and_three_before) {
  for (const auto& [text, number] : {std::pair("15.4", 150004), {"9.6.24", 90624}, {"10.0", 100000}}) {
    EXPECT_EQ(parse_server_version(text).value_or(0), number) << text;
    EXPECT_EQ(server_version_text(number), text);
  }
  EXPECT_EQ(parse_server_version("15.x").error(), "Invalid PostgreSQL version: 15.x");
  for (const char* text : {"15", "9.6", "150.1", "15.100", "9.600.1"})
    EXPECT_EQ(parse_server_version(text).error(),
              std::string("Invalid PostgreSQL version format: X.Y or X.Y.Z is accepted: ") + text);
}

}  // namespace
}  // namespace tanist::postgres
