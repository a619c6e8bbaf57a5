#include "ctl/schedule.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>

#include "ctl/settings.h"

namespace tanist::ctl {
namespace {

/// In a zone that is an hour ahead in winter, and two in summer.
class ScheduleTest : public ::testing::Test {
 protected:
  void SetUp() override { use("CET-1CEST,M3.5.0,M10.5.0/3"); }
  void TearDown() override {
    ::unsetenv("TZ");
    ::tzset();
  }
  static void use(const char* zone) {
    ::setenv("TZ", zone, 1);
    ::tzset();
  }
  static std::string read(const std::string& text) {
    try {
      const auto at = parse_schedule(text, kNow);
      return at ? at->iso : "now";
    } catch (const Failure& failure) {
      return failure.what();
    }
  }
  /// 2031-01-01 12:00 UTC.
  static constexpr WallTime kNow =
      std::chrono::sys_days(std::chrono::year(2031) / 1 / 1) + std::chrono::hours(12);
};

TEST_F(ScheduleTest, offsets_are_kept_and_the_local_one_stands_in) {
  EXPECT_EQ(read("2031-05-06T07:08:09+02:00"), "2031-05-06T07:08:09+02:00");
  EXPECT_EQ(read("2031-05-06 07:08+0530"), "2031-05-06T07:08:00+05:30");
  EXPECT_EQ(read("2031-05-06T07:08:09.5Z"), "2031-05-06T07:08:09.500000+00:00");
  EXPECT_EQ(read("2031-05-06T07:08-03"), "2031-05-06T07:08:00-03:00");
  EXPECT_EQ(read("2031-05-06 07:08:09 +00:00"), "2031-05-06T07:08:09+00:00");
  EXPECT_EQ(read("2031-05-06T07:08"), "2031-05-06T07:08:00+02:00") << "summer";
  EXPECT_EQ(read("2031-01-06T07:08"), "2031-01-06T07:08:00+01:00") << "winter";
  EXPECT_EQ(read("2031-01-06"), "2031-01-06T00:00:00+01:00");
  EXPECT_EQ(read("23:15"), "2031-01-01T23:15:00+01:00") << "today";
  EXPECT_EQ(parse_schedule("2031-05-06T07:08:09+02:00", kNow)->at,
            std::chrono::sys_days(std::chrono::year(2031) / 5 / 6) + std::chrono::hours(5) +
                std::chrono::minutes(8) + std::chrono::seconds(9));
}

TEST_F(ScheduleTest, now_is_no_schedule) {
  EXPECT_EQ(read(""), "now");
  EXPECT_EQ(read("now"), "now");
}

TEST_F(ScheduleTest, what_could_be_read_in_two_ways_is_refused) {
  for (const char* text : {"soon", "01/02/2031", "2031-13-01", "2031-02-30", "2031-01-01T25:00",
                           "2031-01-01T10", "2031-01-01T10:00+", "2031-01-01T10:00 x", "2031-01-01X10:00",
                           "2031-1-1", "-031-01-01", "2031-01-01T10:00:00.", "99999999999999999999"})
    EXPECT_EQ(read(text), std::string("Unable to parse scheduled timestamp (") + text +
                              "). It should be in an unambiguous format (e.g. ISO 8601)");
}

TEST_F(ScheduleTest, times_are_shown_in_the_local_zone) {
  EXPECT_EQ(an_hour_from(kNow), "2031-01-01T14:00");
  EXPECT_EQ(local_time(kNow), "2031-01-01 13:00:00");
  EXPECT_EQ(local_timestamp(kNow + std::chrono::microseconds(1234567)), "2031-01-01 13:00:01.23456");
}

}  // namespace
}  // namespace tanist::ctl
