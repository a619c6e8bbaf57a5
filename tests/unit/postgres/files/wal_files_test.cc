#include "postgres/files/wal_files.h"

#include <gtest/gtest.h>

namespace tanist::postgres {
namespace {

constexpr std::uint64_t kMegabyte = 1 << 20;

TEST(WalFiles, segments_are_known_by_their_names) {
  EXPECT_TRUE(is_segment_name("0000000100000000000000A4"));
  EXPECT_TRUE(is_segment_name("0000000100000000000000A4.partial"));
  EXPECT_FALSE(is_segment_name("00000002.history"));
  EXPECT_FALSE(is_segment_name("0000000100000000000000a4"));
  EXPECT_FALSE(is_segment_name("0000000100000000000000A4.00000028.backup"));
}

TEST(WalFiles, a_position_is_in_the_segment_that_its_number_says) {
  EXPECT_EQ(segment_name({1}, {0x1000000}, 16 * kMegabyte), "000000010000000000000001");
  EXPECT_EQ(segment_name({10}, {0x2'FF00'0010}, 16 * kMegabyte), "0000000A00000002000000FF");
  EXPECT_EQ(segment_name({2}, {0x1'8000'0000}, 1024 * kMegabyte), "000000020000000100000002");
}

TEST(WalFiles, commands_are_expanded_as_postgresql_does) {
  const WalFile file{"pg_wal/000000010000000000000004", "000000010000000000000004"};
  EXPECT_EQ(expand_wal_command("cp %p /archive/%f", file),
            "cp pg_wal/000000010000000000000004 /archive/000000010000000000000004");
  EXPECT_EQ(expand_wal_command("clean /archive %r; date +%%s", file),
            "clean /archive 000000010000000000000001; date +%s");
  EXPECT_EQ(expand_wal_command("date +%Y%", file), "date +%Y%");
}

TEST(WalFiles, the_segment_that_pg_rewind_misses_is_found_in_what_it_says) {
  const std::string said =
      "pg_rewind: servers diverged at WAL location 0/5000148 on timeline 1\n"
      "pg_rewind: error: could not open file \"/data/pg_wal/000000010000000000000003\": No such file or "
      "directory\n"
      "pg_rewind: fatal: could not find previous WAL record at 0/3000110\n";
  EXPECT_EQ(missing_segment(said), "000000010000000000000003");
  EXPECT_EQ(missing_segment("could not open file \"/data/pg_xlog/000000010000000000000003\": gone"),
            "000000010000000000000003");
}

TEST(WalFiles, no_other_file_is_taken_for_a_missing_segment) {
  EXPECT_FALSE(missing_segment("could not open file \"/data/global/pg_control\": Permission denied"));
  EXPECT_FALSE(missing_segment("could not open file \"/data/pg_wal/00000002.history\": No such file"));
  EXPECT_FALSE(missing_segment("could not open file \"/data/pg_wal/000000010000000000000003\" again"));
  EXPECT_FALSE(missing_segment("could not open file \"/data/pg_wal/../../etc/shadow\": No such file"));
  EXPECT_FALSE(missing_segment(""));
}

TEST(WalFiles, a_record_does_not_begin_in_a_pages_header) {
  EXPECT_EQ(first_record({0x3000148}, 16 * kMegabyte).value, 0x3000148u);
  EXPECT_EQ(first_record({0x3002000}, 16 * kMegabyte).value, 0x3002018u);
  EXPECT_EQ(first_record({0x3000000}, 16 * kMegabyte).value, 0x3000028u);
}

TEST(WalFiles, a_record_that_goes_on_on_the_next_page_has_its_header_in_between) {
  EXPECT_EQ(wal_of_record({0x3000148}, 50, 16 * kMegabyte), 50u);
  EXPECT_EQ(wal_of_record({0x3001FC0}, 64, 16 * kMegabyte), 64u);
  EXPECT_EQ(wal_of_record({0x3001FF8}, 24, 16 * kMegabyte), 48u);
  EXPECT_EQ(wal_of_record({0x3001FF8}, 8, 16 * kMegabyte), 8u);
  EXPECT_EQ(wal_of_record({0x3FFFFF8}, 8, 16 * kMegabyte), 8u);
  EXPECT_EQ(wal_of_record({0x3FFFFF8}, 24, 16 * kMegabyte), 0u) << "the rest is in another file";
}

}  // namespace
}  // namespace tanist::postgres
