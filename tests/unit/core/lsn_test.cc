#include "core/lsn.h"

#include <gtest/gtest.h>

namespace tanist {
namespace {

TEST(lsn, is_printed_and_read_as_postgresql_does) {
  EXPECT_EQ(to_string(Lsn{0x16B374D848}), "16/B374D848");
  EXPECT_EQ(to_string(Lsn{0}), "0/0");
  EXPECT_EQ(parse_lsn("16/B374D848"), Lsn{0x16B374D848});
  EXPECT_EQ(parse_lsn("FFFFFFFF/ffffffff"), Lsn{~std::uint64_t{0}});
}

TEST(lsn, what_is_no_position_is_refused) {
  for (const char* text : {"", "/", "1", "1/", "/1", "1/G", "1/1 ", "123456789/0"})
    EXPECT_FALSE(parse_lsn(text)) << text;
}

TEST(lsn, distance_is_signed) {
  EXPECT_EQ(Lsn{10} - Lsn{30}, -20);
  EXPECT_EQ(Lsn{30} - Lsn{10}, 20);
}

}  // namespace
}  // namespace tanist
