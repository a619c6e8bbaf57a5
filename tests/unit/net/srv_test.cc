#include "net/srv.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tanist::net {
namespace {

using ::testing::ElementsAre;
using namespace std::string_literals;

std::string answer_with_two_records() {
  const std::string header = "\x12\x34\x81\x80\x00\x01\x00\x02\x00\x00\x00\x00"s;
  const std::string question = "\x05_etcd\x04_tcp\x01x\x00\x00\x21\x00\x01"s;
  // Owner as a pointer to the question; priority 10, weight 5, port 2379, host a.x
  const std::string first =
      "\xc0\x0c\x00\x21\x00\x01\x00\x00\x00\x3c\x00\x0b\x00\x0a\x00\x05\x09\x4b\x01\x61\x01x\x00"s;
  const std::string second =
      "\xc0\x0c\x00\x21\x00\x01\x00\x00\x00\x3c\x00\x0b\x00\x01\x00\x05\x09\x4c\x01\x62\x01x\x00"s;
  return header + question + first + second;
}

TEST(Srv, records_are_read_best_priority_first) {
  const auto targets = parse_srv_answer(answer_with_two_records());
  ASSERT_TRUE(targets);
  EXPECT_THAT(*targets, ElementsAre(SrvTarget{"b.x", 2380, 1, 5}, SrvTarget{"a.x", 2379, 10, 5}));
}

TEST(Srv, a_damaged_answer_is_refused_wherever_it_is_cut) {
  const auto whole = answer_with_two_records();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(parse_srv_answer(std::string_view(whole).substr(0, size))) << size;
  }
}

TEST(Srv, no_records_is_an_answer) {
  const auto none = parse_srv_answer("\x12\x34\x81\x83\x00\x00\x00\x00\x00\x00\x00\x00"s);
  ASSERT_TRUE(none);
  EXPECT_TRUE(none->empty());
}

}  // namespace
}  // namespace tanist::net
