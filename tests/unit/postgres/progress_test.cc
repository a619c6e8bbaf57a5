#include "postgres/progress.h"

#include <gtest/gtest.h>

namespace tanist::postgres {
namespace {

TEST(Progress, is_read_from_what_the_tools_print) {
  const auto backup = parse_progress(" 23158/131072 kB (17%), 0/1 tablespace (/data/base/1)");
  ASSERT_TRUE(backup);
  EXPECT_EQ(backup->done_bytes, 23158 * 1024);
  EXPECT_EQ(backup->total_bytes, 131072 * 1024);
  EXPECT_TRUE(parse_progress("  1/2 kB (50%) copied"));
  EXPECT_FALSE(parse_progress("pg_basebackup: error: could not write to file \"a/b\": x"));
}

}  // namespace
}  // namespace tanist::postgres
