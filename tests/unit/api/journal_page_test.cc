#include "api/journal_page.h"

#include <gtest/gtest.h>

namespace tanist::api {
namespace {

constexpr std::size_t kRoom = 1000;

std::string line(int minute) {
  return "{\"version\":2,\"at\":\"2031-05-01T10:0" + std::to_string(minute) +
         ":00+00:00\",\"n\":" + std::to_string(minute) + "}";
}

std::string lines(int from, int to) {
  std::string out;
  for (int i = from; i <= to; ++i) out += line(i) + "\n";
  return out;
}

JournalQuery query(const std::string& text) {
  const auto out = parse_journal_query(text);
  EXPECT_TRUE(out) << out.error();
  return out.value_or(JournalQuery());
}

TEST(JournalPage, the_last_ones_come_in_their_order) {
  const auto page = journal_page(lines(1, 2), lines(3, 4), query("limit=3"), kRoom);
  EXPECT_EQ(page.entries, line(2) + "," + line(3) + "," + line(4));
  EXPECT_TRUE(page.earlier);
  EXPECT_FALSE(journal_page(lines(1, 2), lines(3, 4), query("limit=4"), kRoom).earlier);
}

TEST(JournalPage, bounds_are_within_it) {
  const auto page = journal_page(
      "", lines(1, 5), query("since=2031-05-01T10:02:00Z&until=2031-05-01T12%3A03:00%2B02:00"), kRoom);
  EXPECT_EQ(page.entries, line(2) + "," + line(3));
  EXPECT_FALSE(page.earlier);
}

TEST(JournalPage, a_page_has_room_for_one_entry_at_least) {
  const auto page = journal_page("", lines(1, 3), query(""), 1);
  EXPECT_EQ(page.entries, line(3));
  EXPECT_TRUE(page.earlier);
}

TEST(JournalPage, none_may_be_asked_for) {
  const auto page = journal_page("", lines(1, 1), query("limit=0"), kRoom);
  EXPECT_EQ(page.entries, "");
  EXPECT_TRUE(page.earlier);
}

TEST(JournalPage, a_file_that_is_begun_anew_meanwhile_is_told_once) {
  const auto page = journal_page(lines(1, 3), lines(1, 2), query(""), kRoom);
  EXPECT_EQ(page.entries, line(1) + "," + line(2) + "," + line(3));
}

TEST(JournalPage, a_torn_line_is_left_out) {
  const std::string torn = line(2).substr(0, 50);
  const auto page = journal_page("", line(1) + "\n" + torn + "\n" + line(3) + "\n" + torn, query(""), kRoom);
  EXPECT_EQ(page.entries, line(1) + "," + line(3));
}

TEST(JournalPage, what_is_wrong_with_a_parameter_is_said) {
  EXPECT_EQ(parse_journal_query("limit=1001").error(), "limit: '1001' is no number from 0 to 1000");
  for (const char* wrong : {"limit=0.5", "limit=-1", "limit=0x10", "limit=", "limit=1%20"})
    EXPECT_FALSE(parse_journal_query(wrong)) << wrong;
  EXPECT_EQ(parse_journal_query("limit=x").error(), "limit: 'x' is no number from 0 to 1000");
  EXPECT_EQ(parse_journal_query("until=yesterday").error(),
            "until: 'yesterday' is no time of ISO 8601 with an offset, as 2031-05-01T10:00:00Z (a + is %2B)");
  EXPECT_EQ(parse_journal_query("from=1").error(),
            "unknown parameter 'from': there are since, until and limit");
}

}  // namespace
}  // namespace tanist::api
