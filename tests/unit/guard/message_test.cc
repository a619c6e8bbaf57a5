#include "guard/message.h"

#include <gtest/gtest.h>

#include <string>

namespace tanist::guard {
namespace {

TEST(Message, a_request_of_this_version_is_taken_and_nothing_else) {
  Request request;
  EXPECT_EQ(wrong_with(request, sizeof request), std::nullopt);
  for (std::size_t bytes = 0; bytes < 8; ++bytes)
    EXPECT_EQ(wrong_with(request, bytes), Result::broken) << bytes;
  for (const std::size_t bytes : {std::size_t{8}, sizeof request - 1, sizeof request + 1})
    EXPECT_EQ(wrong_with(request, bytes), Result::broken) << bytes;
  request.kind = static_cast<Kind>(0);
  EXPECT_EQ(wrong_with(request, sizeof request), Result::broken);
  request.kind = static_cast<Kind>(99);
  EXPECT_EQ(wrong_with(request, sizeof request), Result::broken);
  request = {};
  request.magic += 1;
  EXPECT_EQ(wrong_with(request, sizeof request), Result::broken);
}

TEST(Message, a_request_of_another_version_is_known_whatever_its_length) {
  Request request;
  request.version = kVersion + 1;
  for (const std::size_t bytes : {std::size_t{8}, sizeof request - 1, sizeof request, sizeof request + 1})
    EXPECT_EQ(wrong_with(request, bytes), Result::other_version) << bytes;
}

TEST(Message, a_deadline_is_an_instant) {
  Request request;
  request.kind = Kind::arm;
  for (const std::int64_t never : {std::int64_t{0}, std::int64_t{-1}}) {
    request.kill_at = never;
    EXPECT_EQ(wrong_with(request, sizeof request), Result::broken) << never;
  }
  request.kill_at = 1;
  EXPECT_EQ(wrong_with(request, sizeof request), std::nullopt);
}

TEST(Message, why_fills_its_field_at_most) {
  Request request;
  set_why(request, "in pause");
  EXPECT_EQ(why_of(request), "in pause");
  set_why(request, std::string(100, 'x'));
  EXPECT_EQ(why_of(request), std::string(sizeof request.why, 'x'));
  set_why(request, "");
  EXPECT_EQ(why_of(request), "");
}

}  // namespace
}  // namespace tanist::guard
