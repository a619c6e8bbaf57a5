#include "api/schedule.h"

#include <gtest/gtest.h>

#include "dcs/codec.h"

namespace tanist::api {
namespace {

using namespace std::chrono_literals;

const WallTime kScheduledAfter = dcs::parse_iso8601("2031-05-04T06:00:00Z").value();
constexpr const char* kUnreadable =
    "Unable to parse scheduled timestamp. It should be in an unambiguous format, e.g. ISO 8601";

std::string answer(const Document& value, std::string_view action = "restart") {
  const auto at = parse_schedule(value, action, kScheduledAfter);
  return at ? iso8601(*at) : std::to_string(at.error().status) + " " + at.error().body;
}

/// rest-api.md §9.2
TEST(Schedule, is_read_in_the_ways_of_iso_8601) {
  for (const char* text :
       {"2031-05-04T07:00:00Z", "2031-05-04 07:00Z", "2031-05-04T09:00+02", "20310504T070000Z",
        "2031-05-04T09:00:00+0200", "2031-05-04 09:00:00.000+02:00", "2031-05-04 07:00 UTC"})
    EXPECT_EQ(answer(text), "2031-05-04T07:00:00+00:00") << text;
  EXPECT_EQ(answer("2031-05-04T07:00:00.25Z"), "2031-05-04T07:00:00.250000+00:00");
  EXPECT_EQ(answer("2031-05-05Z"), "2031-05-05T00:00:00+00:00");
}

TEST(Schedule, what_is_no_time_comes_before_what_lacks_its_zone_and_that_before_what_is_over) {
  for (const Document& value : {Document("soon"), Document(""), Document(), Document(5), Document(true),
                                Document::list(), Document::map(), Document("05/04/2031 07:00Z"),
                                Document("2031-05-04T25:00Z"), Document("2031-05-04T07:00:00+25:00")})
    EXPECT_EQ(answer(value), std::string("422 ") + kUnreadable) << to_json(value);
  for (const char* text : {"2031-05-04T07:00", "2031-05-04 07:00:00.5", "2031-05-05", "2001-01-01T00:00"})
    EXPECT_EQ(answer(text, "switchover"),
              "400 Timezone information is mandatory for the scheduled switchover")
        << text;
  EXPECT_EQ(answer("2031-05-04T05:59:59Z"), "422 Cannot schedule restart in the past");
  EXPECT_EQ(answer("2031-05-04T06:00:00Z"), "2031-05-04T06:00:00+00:00") << "now is not over";
  EXPECT_EQ(answer("9999-01-01Z"), "422 Cannot schedule restart more than ten years ahead");
}

}  // namespace
}  // namespace tanist::api
