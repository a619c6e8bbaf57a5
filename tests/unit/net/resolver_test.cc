#include "net/resolver.h"

#include <gtest/gtest.h>

#include <boost/asio/this_coro.hpp>

#include "unit/core/no_threads.h"
#include "unit/core/run.h"

namespace tanist::net {
namespace {

using Answer = std::expected<Resolver::Addresses, std::string>;

Task<Answer> ask(std::string host) {
  Resolver resolver(co_await boost::asio::this_coro::executor);
  co_return co_await resolver.resolve(std::move(host), 5432);
}

TEST(Resolver, names_and_numbers_have_addresses) {
  const auto name = tanist::test::run(ask("localhost"));
  ASSERT_TRUE(name) << name.error();
  EXPECT_EQ(name->front().port(), 5432);
  EXPECT_TRUE(name->front().address().is_loopback());
  EXPECT_EQ(tanist::test::run(ask("127.0.0.3"))->front().address().to_string(), "127.0.0.3");
  EXPECT_FALSE(tanist::test::run(ask("no.such.name.invalid")));
}

[[noreturn]] void ask_without_threads() {
  tanist::test::use_up_threads();
  const Answer refused = tanist::test::run(ask("localhost"));
  if (refused || refused.error().find("no thread can be made") == std::string::npos)
    tanist::test::end_child(false, refused ? "it was answered" : refused.error().c_str());
  if (!tanist::test::run(ask("127.0.0.1"))) tanist::test::end_child(false, "a number needs no thread");
  tanist::test::give_threads_back();
  const Answer answered = tanist::test::run(ask("localhost"));
  if (!answered) tanist::test::end_child(false, answered.error().c_str());
  // What was made once is there for good.
  tanist::test::use_up_threads();
  for (int i = 0; i < 3; ++i)
    if (!tanist::test::run(ask("localhost")))
      tanist::test::end_child(false, "the threads of before are used");
  tanist::test::end_child(true, "");
}

TEST(ResolverDeathTest, without_a_thread_a_name_is_an_error_and_those_made_before_still_answer) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(ask_without_threads(), ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace tanist::net
