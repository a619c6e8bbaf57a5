#include "net/seats.h"

#include <gtest/gtest.h>

#include <deque>

namespace tanist::net {
namespace {

class SeatsTest : public ::testing::Test {
 protected:
  using Phase = Seat::Phase;
  /// Comes at a time of its own; nullptr: not let in.
  Seat* come(const std::string& source, bool favoured = false, Phase phase = Phase::incomplete) {
    const auto answer = seats.ask(source, favoured);
    left = answer.leaves;
    if (!answer.room) return nullptr;
    auto& seat = all.emplace_back();
    seat.source = source;
    seat.favoured = favoured;
    seat.phase = phase;
    seat.since = Instant(Duration(++now));
    seats.occupy(&seat);
    return &seat;
  }

  Seats seats{{.most = 4, .most_of_source = 3, .reserved = 1}};
  std::deque<Seat> all;
  Seat* left = nullptr;
  int now = 0;
};

TEST_F(SeatsTest, beyond_its_bound_a_source_gives_up_its_own) {
  come("other");
  Seat* first = come("a");
  come("a"), come("a");
  EXPECT_EQ(left, nullptr);
  ASSERT_TRUE(come("a"));
  EXPECT_EQ(left, first);
  EXPECT_TRUE(first->leaving);
}

TEST_F(SeatsTest, when_all_are_taken_who_has_most_gives_up) {
  Seat* idle = come("other", false, Phase::waiting);
  come("b");
  Seat* first = come("a");
  Seat* waiting = come("a", false, Phase::waiting);
  ASSERT_TRUE(come("c"));
  EXPECT_EQ(left, waiting) << "before one that has begun a request";
  ASSERT_TRUE(come("a"));
  EXPECT_EQ(left, idle) << "among equals, one that is idle";
  ASSERT_TRUE(come("d"));
  EXPECT_EQ(left, first);
  seats.vacate(waiting), seats.vacate(first), seats.vacate(idle);
  ASSERT_TRUE(come("e"));
  EXPECT_NE(left, nullptr) << "who was told to leave did not count any more";
}

TEST_F(SeatsTest, an_answer_that_is_being_made_is_made) {
  for (const char* source : {"a", "b", "c", "d"}) come(source, false, Phase::busy);
  EXPECT_EQ(come("e"), nullptr);
  EXPECT_TRUE(come("probe", true, Phase::busy));
  EXPECT_EQ(come("probe", true), nullptr) << "the reserve is taken, too";
}

TEST_F(SeatsTest, the_reserve_is_for_the_favoured_alone) {
  for (const char* source : {"a", "b", "c", "d"}) come(source);
  Seat* probe = come("probe", true);
  ASSERT_NE(probe, nullptr);
  EXPECT_EQ(left, nullptr);
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(come("e" + std::to_string(i)));
  EXPECT_FALSE(probe->leaving);
}

TEST_F(SeatsTest, who_is_favoured_does_not_keep_the_others_out_either) {
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(come("probe", true));
  ASSERT_TRUE(come("a"));
  ASSERT_NE(left, nullptr);
  EXPECT_TRUE(left->favoured);
}

}  // namespace
}  // namespace tanist::net
