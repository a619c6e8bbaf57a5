#include "ctl/sql_client.h"

#include <boost/asio/io_context.hpp>
#include <optional>

#include "async/clock.h"
#include "async/task_scope.h"
#include "ctl/settings.h"
#include "net/resolver.h"
#include "postgres/on_demand/libpq.h"

namespace tanist::ctl {

namespace {

using namespace std::chrono_literals;

constexpr Duration kConnectPatience = 5s;
constexpr Duration kRecoveryPatience = 5s;
/// Whoever asks something long has Ctrl-C.
constexpr Duration kAsLongAsItTakes = 365 * 24h;

struct Patience {
  Duration to_connect;
  Duration to_answer;
};

class LibpqClient final : public SqlClient {
 public:
  Answer ask(const postgres::ConnectionParameters& to, Recovery recovery, const std::string& sql) override {
    boost::asio::io_context io(1);
    SystemClock clock;
    net::Resolver resolver(io.get_executor());
    postgres::Connection connection(clock, resolver);
    Answer answer = std::unexpected(postgres::QueryError{});
    TaskScope scope(io.get_executor());
    const Patience patience{.to_connect = kConnectPatience, .to_answer = kAsLongAsItTakes};
    scope.spawn("ask PostgreSQL", asking(&connection, &clock, to, recovery, sql, patience, &answer));
    io.run();
    return answer;
  }

  std::vector<Answer> ask_each(const std::vector<postgres::ConnectionParameters>& to, const std::string& sql,
                               Duration patience) override {
    boost::asio::io_context io(1);
    SystemClock clock;
    net::Resolver resolver(io.get_executor());
    std::vector<std::unique_ptr<postgres::Connection>> connections;
    std::vector<Answer> answers(to.size(), std::unexpected(postgres::QueryError{}));
    TaskScope scope(io.get_executor());
    const Patience of_each{.to_connect = patience / 2, .to_answer = patience / 2};
    for (std::size_t i = 0; i < to.size(); ++i) {
      connections.push_back(std::make_unique<postgres::Connection>(clock, resolver));
      scope.spawn("ask PostgreSQL",
                  asking(connections.back().get(), &clock, to[i], Recovery::any, sql, of_each, &answers[i]));
    }
    io.run();
    return answers;
  }

 private:
  static Task<void> asking(postgres::Connection* connection, Clock* clock, postgres::ConnectionParameters to,
                           Recovery recovery, std::string sql, Patience patience, Answer* out) {
    const auto connected = co_await connection->connect(std::move(to), clock->now() + patience.to_connect);
    if (!connected) {
      *out = std::unexpected(connected.error());
      co_return;
    }
    if (recovery != Recovery::any) {
      auto asked =
          connection->table("SELECT pg_catalog.pg_is_in_recovery()", clock->now() + kRecoveryPatience);
      const auto seen = co_await std::move(asked);
      if (!seen) {
        *out = std::unexpected(seen.error());
        co_return;
      }
      const bool running = seen->rows.empty() || seen->rows[0].at(0) != "f";
      if (running != (recovery == Recovery::running)) {
        *out = std::unexpected(OtherRole{});
        co_return;
      }
    }
    auto result = co_await connection->table(std::move(sql), clock->now() + patience.to_answer);
    if (result) {
      *out = *std::move(result);
    } else {
      *out = std::unexpected(result.error());
    }
  }
};

}  // namespace

std::vector<SqlClient::Answer> SqlClient::ask_each(const std::vector<postgres::ConnectionParameters>& to,
                                                   const std::string& sql, Duration) {
  std::vector<Answer> out;
  for (const auto& server : to) out.push_back(ask(server, Recovery::any, sql));
  return out;
}

std::unique_ptr<SqlClient> open_sql_client() {
  if (const auto loaded = postgres::load_libpq(); !loaded)
    throw Failure("could not load libpq, which speaks to PostgreSQL: " + loaded.error() +
                  "\nHINT: install it; Debian's package is libpq5");
  return std::make_unique<LibpqClient>();
}

}  // namespace tanist::ctl
