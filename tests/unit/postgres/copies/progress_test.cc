#include "postgres/copies/progress.h"

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

TEST(Progress, has_a_rate_and_a_time_left_of_the_last_seconds) {
  using namespace std::chrono_literals;
  constexpr std::int64_t kMegabyte = 1 << 20;
  const auto at = [](Duration after) { return Instant{} + 1h + after; };
  const auto seen = [](std::int64_t megabytes) {
    Progress p;
    p.done_bytes = megabytes * kMegabyte;
    p.total_bytes = 1000 * kMegabyte;
    return p;
  };
  ProgressMeter meter;
  Progress p = meter.note(at(0s), seen(0));
  EXPECT_EQ(p.bytes_per_second, 0);
  EXPECT_FALSE(p.seconds_left);
  p = meter.note(at(2s), seen(200));
  EXPECT_EQ(p.bytes_per_second, 100 * kMegabyte);
  EXPECT_EQ(p.seconds_left, 8);
  EXPECT_EQ(describe(p), "20% (200 MB of 1000 MB), 100 MB/s, 8 s left");
  // What was long ago does not count any more.
  for (int i = 3; i <= 30; ++i) p = meter.note(at(std::chrono::seconds(i)), seen(200 + i));
  EXPECT_NEAR(static_cast<double>(p.bytes_per_second), kMegabyte, kMegabyte / 10.0);
  // A second attempt begins at nothing.
  p = meter.note(at(31s), seen(0));
  EXPECT_EQ(p.bytes_per_second, 0);
  p = meter.note(at(32s), seen(0));
  EXPECT_FALSE(p.seconds_left);
}

TEST(Progress, names_sizes_as_people_do) {
  EXPECT_EQ(describe_bytes(0), "0 B");
  EXPECT_EQ(describe_bytes(1536), "1.5 kB");
  EXPECT_EQ(describe_bytes(1000 << 10), "1000 kB");
  EXPECT_EQ(describe_bytes(std::int64_t{3} << 40), "3.0 TB");
}

}  // namespace
}  // namespace tanist::postgres
