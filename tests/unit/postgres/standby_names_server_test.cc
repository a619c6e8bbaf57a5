#include <random>

#include "postgres/standby_names.h"
#include "unit/postgres/server_fixture.h"

/// What is read and what is refused, beside a real server.
namespace tanist::postgres {
namespace {

constexpr int kTexts = 1500;
constexpr const char* kPieces[] = {"any",  "FIRST", "2", "0",  "n1",       "n_2$", "\"any\"", "\"q\"\"q\"",
                                   "\"\"", "*",     ",", ",",  ",",        "(",    ")",       "(",
                                   ")",    " ",     "-", "\"", "\xc3\xbc", "\t\f"};

/// Mostly near to what is right.
std::string random_text(std::mt19937& random) {
  const auto below = [&](std::size_t limit) { return random() % limit; };
  if (below(8) == 0) {
    const char* right[] = {"n1, n3", "ANY 1 (n1,\"q\"\"q\")", "2 (*, n1)", "FIRST 3 (n1 , \"any\")", "*"};
    return right[below(std::size(right))];
  }
  std::string text;
  if (below(2) == 0) {
    const char* heads[] = {"2 (", "any 1(", "FIRST 3 (", "any (", "0 (", "any first ("};
    text += heads[below(std::size(heads))];
  }
  for (std::size_t pieces = below(6); pieces > 0; --pieces) {
    text += kPieces[below(std::size(kPieces))];
    if (below(3) == 0) text += ",";
  }
  if (below(2) == 0) text += "n3)";
  return text;
}

/// A server of 9.6 takes them for names, a later one does not.
bool has_bare_keyword(std::string text) {
  for (auto at = text.find("\"any\""); at != std::string::npos; at = text.find("\"any\"")) text.erase(at, 5);
  return text.contains("any") || text.contains("FIRST") || text.contains("first");
}

Task<void> same_as_server(Node* node) {
  const Result booted = co_await node->bootstrap();
  REQUIRE_OK(booted);
  net::Resolver resolver(co_await boost::asio::this_coro::executor);
  Connection connection(node->clock, resolver);
  auto parameters = local_parameters(*node->settings, node->settings->postgresql.accounts.superuser, false);
  const auto connected = co_await connection.connect(std::move(parameters), node->in(5s));
  REQUIRE(connected);
  std::mt19937 random(20240916);
  int accepted = 0;
  for (int round = 0; round < kTexts; ++round) {
    const std::string text = random_text(random);
    const bool read = parse_standby_names(text).has_value();
    std::string statement = "ALTER SYSTEM SET synchronous_standby_names = '" + text + "'";
    const auto answer = co_await connection.command(std::move(statement), node->in(20s));
    REQUIRE(answer || answer.error().kind == QueryError::Kind::statement);
    accepted += answer ? 1 : 0;
    if (answer || !has_bare_keyword(text)) {
      EXPECT_EQ(read, answer.has_value()) << "[" << text << "]";
    }
  }
  EXPECT_GT(accepted, kTexts / 10);
  EXPECT_LT(accepted, kTexts * 9 / 10);
}

TEST_F(ServerTest, names_of_standbys_are_read_as_by_the_server) {
  Node node(io_.get_executor(), clock_, disk_, settings("n1"));
  run(then_end(same_as_server(&node), {&node}));
}

}  // namespace
}  // namespace tanist::postgres
