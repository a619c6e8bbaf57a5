#include "postgres/files/history.h"

#include <gtest/gtest.h>

namespace tanist::postgres {
namespace {

TEST(History, lines_are_parsed_and_comments_left_out) {
  const auto lines =
      parse_history("1\t0/3000148\tno recovery target specified\n\n# x\n2\t0/5000000\tbefore 2000-01-01\n");
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[1].parent.value, 2u);
  EXPECT_EQ(to_string(lines[1].switch_lsn), "0/5000000");
  EXPECT_EQ(lines[0].reason, "no recovery target specified");
  EXPECT_EQ(history_file_name({26}), "0000001A.history");
}

}  // namespace
}  // namespace tanist::postgres
