#include "api/event_log.h"

#include <gtest/gtest.h>

namespace tanist::api {
namespace {

EventLog of(int events, EventLog::Limits limits = {}) {
  EventLog out("a1", limits);
  for (int i = 1; i <= events; ++i) out.append({"pause", Document::map({{"n", i}})}, "now");
  return out;
}

TEST(EventLog, an_event_has_id_type_and_one_line_of_data) {
  const auto log = of(1);
  EventLog::Place place = 0;
  EXPECT_EQ(log.take(place, 1000), "id: a1-1\nevent: pause\ndata: {\"n\": 1, \"time\": \"now\"}\n\n");
  EXPECT_EQ(place, 1u);
  EXPECT_EQ(log.take(place, 1000), "");
  EventLog other("a1", {});
  other.append({"rejoin", Document::map({{"error", "two\nlines\r\u00e9"}})}, "now");
  place = 0;
  const auto text = *other.take(place, 1000);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 4) << text;
  EXPECT_EQ(text.find('\r'), std::string::npos);
}

TEST(EventLog, goes_on_behind_an_id) {
  const auto log = of(3);
  auto place = log.behind("a1-2");
  ASSERT_TRUE(place);
  EXPECT_TRUE(log.take(*place, 1000)->starts_with("id: a1-3\n"));
  EXPECT_EQ(log.behind("a1-3"), log.end());
  EXPECT_EQ(log.behind("a1-0"), 0u);
}

TEST(EventLog, knows_no_other_ids) {
  const auto log = of(3);
  for (const char* id : {"", "a1", "a1-", "a1-4", "a1--1", "a1-2 ", "a1-0x1", "a1-+2", "b2-2", "a12-2",
                         "a1-99999999999999999999999", "2", "-", "a1-2a", "\xff\xfe"})
    EXPECT_FALSE(log.behind(id)) << id;
}

TEST(EventLog, what_is_too_old_is_gone) {
  const auto log = of(10, {.events = 4, .bytes = 1 << 20});
  EXPECT_FALSE(log.behind("a1-5"));
  EXPECT_TRUE(log.behind("a1-6"));
  EventLog::Place place = 5;
  EXPECT_EQ(log.take(place, 1000), std::nullopt);
  place = 6;
  EXPECT_TRUE(log.take(place, 10000)->starts_with("id: a1-7\n"));
  EXPECT_EQ(place, 10u);
}

TEST(EventLog, is_bounded_by_bytes_but_keeps_the_last) {
  const auto log = of(100, {.events = 1000, .bytes = 200});
  EXPECT_FALSE(log.behind("a1-90"));
  EXPECT_TRUE(log.behind("a1-99"));
  EXPECT_TRUE(of(3, {.events = 10, .bytes = 1}).behind("a1-2"));
}

TEST(EventLog, gives_no_more_than_is_taken_at_once) {
  const auto log = of(10);
  EventLog::Place place = 0;
  const auto first = log.take(place, 130);
  EXPECT_EQ(place, 2u);
  EXPECT_LE(first->size(), 130u);
  EXPECT_FALSE(log.take(place, 1)->empty());
  EXPECT_EQ(place, 3u);
}

}  // namespace
}  // namespace tanist::api
