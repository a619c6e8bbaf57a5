#pragma once

#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "async/clock.h"
#include "postgres/client/conninfo.h"

namespace tanist::net {
class Resolver;
}

namespace tanist::postgres {

struct QueryError {
  enum class Kind {
    /// No connection, or it broke.
    connection,
    /// The deadline came; the connection is dropped, as it holds an unfinished query.
    timeout,
    /// The server refused the statement.
    statement,
  } kind = Kind::connection;
  /// Five characters, where the server gave them.
  std::string sqlstate;
  /// What was attempted and what came back.
  std::string detail;
  /// The server was reached, and it is the settings of this connection that do not fit: no password, or
  /// a certificate of another name. No waiting mends it.
  bool needs_settings = false;
  /// Nothing came back that a server says.
  bool silent() const { return sqlstate.empty() && !needs_settings && kind != Kind::statement; }
  /// `cannot_connect_now`: the server starts, stops or recovers.
  bool rejecting() const { return sqlstate == "57P03"; }
};

/// A HINT line, with the line break before it, where there is a next step; else empty.
std::string connection_hint(const QueryError& error);

using Row = std::vector<std::optional<std::string>>;
using Rows = std::vector<Row>;

/// A result with all that came with it.
struct Table {
  struct Column {
    std::string name;
    /// Its oid in pg_type.
    unsigned type = 0;
  };
  std::vector<Column> columns;
  Rows rows;
  /// False: a statement that returns no rows.
  bool has_rows = false;
};

/// One connection through libpq's non-blocking calls. One query at a time; every wait has a deadline, at
/// which the connection is dropped. Cancelling drops it, too.
class Connection {
 public:
  Connection(Clock& clock, net::Resolver& resolver);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  bool open() const;
  void close();
  /// 150004; 0 when not open.
  int server_version() const;
  /// Process id of the backend.
  int backend_pid() const;

  /// Names in `host` are resolved off this thread.
  Task<std::expected<void, QueryError>> connect(ConnectionParameters parameters, Instant deadline);
  /// One statement with text parameters.
  Task<std::expected<Rows, QueryError>> query(std::string sql, std::vector<std::string> parameters,
                                              Instant deadline);
  /// One command of the replication protocol, or several statements without parameters: the last result.
  Task<std::expected<Rows, QueryError>> command(std::string text, Instant deadline);
  /// As command(), with what the columns are called. COPY is refused.
  Task<std::expected<Table, QueryError>> table(std::string text, Instant deadline);

 private:
  struct Wire;
  /// Lists of the same length, as libpq takes them.
  struct Resolved {
    std::string hosts;
    std::string addresses;
  };
  Task<std::expected<Resolved, QueryError>> resolve_all(std::string list, int port, Instant deadline);
  Task<std::expected<void, QueryError>> connect_within(ConnectionParameters parameters, Instant deadline);
  Task<std::expected<Table, QueryError>> answer(std::string what, Instant deadline);
  Task<bool> ready(bool to_write, Instant deadline);
  QueryError broken(std::string_view what);

  Clock& clock_;
  net::Resolver& resolver_;
  std::unique_ptr<Wire> wire_;
};

}  // namespace tanist::postgres
