#pragma once

#include <expected>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "core/time.h"
#include "postgres/client/connection.h"
#include "postgres/client/conninfo.h"

namespace tanist::ctl {

/// PostgreSQL as `query` asks it: a connection for each question.
class SqlClient {
 public:
  virtual ~SqlClient() = default;

  /// What must be true of the server before it is asked.
  enum class Recovery { any, running, over };
  /// The server is in recovery, or is not, as it should be: nothing was asked.
  struct OtherRole {};
  using Answer = std::expected<postgres::Table, std::variant<postgres::QueryError, OtherRole>>;

  /// Connects within five seconds; the answer takes as long as it takes.
  virtual Answer ask(const postgres::ConnectionParameters& to, Recovery recovery, const std::string& sql) = 0;

  /// The same of several servers at a time, each of which has `patience` for connection and answer; answers
  /// in their order.
  virtual std::vector<Answer> ask_each(const std::vector<postgres::ConnectionParameters>& to,
                                       const std::string& sql, Duration patience);
};

/// Throws Failure where libpq is not there: this program needs it for nothing else.
std::unique_ptr<SqlClient> open_sql_client();

}  // namespace tanist::ctl
