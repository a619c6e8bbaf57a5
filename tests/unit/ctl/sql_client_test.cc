#include "ctl/sql_client.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "async/clock.h"

namespace tanist::ctl {
namespace {

using namespace std::chrono_literals;

TEST(SqlClient, servers_that_say_nothing_hold_up_nobody_for_longer_than_one_of_them) {
  // Connections are taken by the system, and nobody answers.
  boost::asio::io_context io;
  boost::asio::ip::tcp::acceptor silent(io, {boost::asio::ip::address_v4::loopback(), 0});
  const postgres::ConnectionParameters to = {{"host", "127.0.0.1"},
                                             {"port", std::to_string(silent.local_endpoint().port())},
                                             {"user", "nobody"},
                                             {"dbname", "none"}};
  const auto begun = SystemClock().now();
  const auto answers = open_sql_client()->ask_each({to, to, to, to}, "SELECT 1", 800ms);
  EXPECT_LT(SystemClock().now() - begun, 1500ms);
  ASSERT_EQ(answers.size(), 4u);
  for (const auto& answer : answers) EXPECT_FALSE(answer.has_value());
}

}  // namespace
}  // namespace tanist::ctl
