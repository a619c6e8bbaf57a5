#include "ctl/event_parser.h"

#include <gtest/gtest.h>

namespace tanist::ctl {
namespace {

constexpr const char* kStream =
    "retry: 1000\n\nid: a-1\nevent: leader\ndata: {\"leader\": \"pgb\"}\n\n: still here\n\n"
    "id: a-2\r\nevent: pause\r\ndata: {\"pause\": true}\r\n\r\n";

std::string told(const std::vector<MemberEvent>& events) {
  std::string out;
  for (const auto& event : events) out += event.id + " " + event.type + " " + to_json(event.data) + "\n";
  return out;
}

TEST(EventParser, takes_events_wherever_their_pieces_end) {
  const std::string all = kStream;
  for (std::size_t size = 1; size <= all.size(); ++size) {
    EventParser parser;
    std::string out;
    for (std::size_t at = 0; at < all.size(); at += size) out += told(parser.put(all.substr(at, size)));
    EXPECT_EQ(out, "a-1 leader {\"leader\":\"pgb\"}\na-2 pause {\"pause\":true}\n") << size;
  }
}

TEST(EventParser, leaves_out_what_is_no_event) {
  EventParser parser;
  EXPECT_TRUE(
      parser.put("data: {}\n\nevent: x\n\nevent: x\ndata: [1]\n\nevent: x\ndata: {\n\nfoo\n\n\n\n").empty());
  EXPECT_EQ(told(parser.put("event:x\ndata:{}\nother: y\n\n")), " x {}\n");
  EXPECT_FALSE(parser.broken());
}

TEST(EventParser, a_line_without_an_end_is_no_stream_of_events) {
  EventParser parser;
  const std::string much(100'000, 'x');
  for (int i = 0; i < 20; ++i) parser.put(much);
  EXPECT_TRUE(parser.broken());
  EXPECT_TRUE(parser.put("\n\nevent: x\ndata: {}\n\n").empty());
}

}  // namespace
}  // namespace tanist::ctl
