#include "postgres/client/connection.h"

#include <libpq-fe.h>

#include <algorithm>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>

#include "async/wait.h"
#include "core/format.h"
#include "net/resolver.h"
#include "postgres/queries.h"

namespace tanist::postgres {

namespace asio = boost::asio;

struct Connection::Wire {
  explicit Wire(Executor executor) : descriptor(std::move(executor)) {}
  ~Wire() {
    release();
    if (connection != nullptr) PQfinish(connection);
  }
  /// libpq owns the socket, and may replace it under the same number: it is ours only between two of its
  /// calls. False: it cannot be watched now.
  bool assign() {
    boost::system::error_code ec;
    if (!descriptor.is_open()) descriptor.assign(PQsocket(connection), ec);
    return !ec;
  }
  void release() {
    if (descriptor.is_open()) (void)descriptor.release();
  }
  asio::posix::stream_descriptor descriptor;
  PGconn* connection = nullptr;
};

namespace {

/// `FATAL:  57P03: the database system is starting up` of a verbose message: the code, and the text without
/// it.
std::pair<std::string, std::string> split_sqlstate(std::string text) {
  if (const auto location = text.find("\nLOCATION:"); location != std::string::npos) text.resize(location);
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  for (std::size_t i = 2; i + 7 < text.size(); ++i) {
    if (text[i - 1] != ' ' || text[i - 2] != ' ' || text[i + 5] != ':' || text[i + 6] != ' ') continue;
    const std::string code = text.substr(i, 5);
    if (code.find_first_not_of("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") != std::string::npos) continue;
    text.erase(i - 1, 8);
    return {code, text};
  }
  return {std::string(), text};
}

bool is_numeric(const std::string& host) {
  boost::system::error_code ec;
  asio::ip::make_address(host, ec);
  return !ec;
}

std::string one_line(std::string text) {
  for (auto at = text.find('\n'); at != std::string::npos; at = text.find('\n', at))
    text.replace(at, 1, "; ");
  return text;
}

std::string address_of(const ConnectionParameters& parameters) {
  const auto host = parameters.find("host");
  const auto port = parameters.find("port");
  return fmt::format("{}:{}", host == parameters.end() ? "the default socket" : host->second,
                     port == parameters.end() ? "5432" : port->second);
}

}  // namespace

Connection::Connection(Clock& clock, net::Resolver& resolver) : clock_(clock), resolver_(resolver) {}
Connection::~Connection() = default;

bool Connection::open() const {
  return wire_ && PQstatus(wire_->connection) == CONNECTION_OK;
}
void Connection::close() {
  wire_.reset();
}
int Connection::server_version() const {
  return open() ? PQserverVersion(wire_->connection) : 0;
}
int Connection::backend_pid() const {
  return open() ? PQbackendPID(wire_->connection) : 0;
}

namespace {

/// libpq gives no code for what it finds out itself.
bool finds_settings_wrong(std::string_view text) {
  static constexpr std::string_view kTexts[] = {
      "no password supplied",  "certificate",     "server does not support SSL",
      "authentication method", "channel binding", "SSL error",
      "could not load",        "GSSAPI",
  };
  return std::ranges::any_of(
      kTexts, [&](std::string_view known) { return text.find(known) != std::string_view::npos; });
}

}  // namespace

std::string connection_hint(const QueryError& error) {
  const auto has = [&](std::string_view part) { return error.detail.find(part) != std::string::npos; };
  if (has("no password supplied"))
    return "\nHINT: pg_hba.conf asks for a password: set it in postgresql.authentication, or let this host's "
           "own "
           "connections in without one";
  if (has("does not match host name"))
    return "\nHINT: sslmode verify-full compares the certificate with the host that is connected to: name it "
           "there, "
           "or use verify-ca";
  if (has("no pg_hba.conf entry")) return "\nHINT: the daemon needs a line of its own in pg_hba";
  return {};
}

namespace {

std::expected<Rows, QueryError> rows_of(std::expected<Table, QueryError> answered) {
  if (!answered) return std::unexpected(std::move(answered.error()));
  return std::move(answered->rows);
}

Table table_of(const PGresult* result) {
  Table out;
  out.has_rows = true;
  const int columns = PQnfields(result);
  for (int c = 0; c < columns; ++c) out.columns.push_back({PQfname(result, c), PQftype(result, c)});
  for (int r = 0; r < PQntuples(result); ++r) {
    Row row;
    for (int c = 0; c < columns; ++c) {
      if (PQgetisnull(result, r, c) != 0) {
        row.push_back(std::nullopt);
      } else {
        row.emplace_back(
            std::string(PQgetvalue(result, r, c), static_cast<std::size_t>(PQgetlength(result, r, c))));
      }
    }
    out.rows.push_back(std::move(row));
  }
  return out;
}

}  // namespace

QueryError Connection::broken(std::string_view what) {
  auto [code, text] = split_sqlstate(wire_ ? PQerrorMessage(wire_->connection) : "connection is closed");
  const bool needs_settings = wire_ && code.empty() && finds_settings_wrong(text);
  close();
  return {QueryError::Kind::connection, std::move(code),
          fmt::format("{}: {}", what, one_line(std::move(text))), needs_settings};
}

Task<bool> Connection::ready(bool to_write, Instant deadline) {
  if (!wire_->assign()) co_return false;
  auto wait = wire_->descriptor.async_wait(
      to_write ? asio::posix::stream_descriptor::wait_write : asio::posix::stream_descriptor::wait_read,
      asio::use_awaitable);
  const bool in_time = co_await run_until(clock_, std::move(wait), deadline);
  co_return in_time;
}

Task<std::expected<void, QueryError>> Connection::connect(ConnectionParameters parameters, Instant deadline) {
  std::exception_ptr cancelled;
  try {
    std::expected<void, QueryError> connected = co_await connect_within(std::move(parameters), deadline);
    if (!connected) close();
    co_return connected;
  } catch (...) {
    cancelled = std::current_exception();
  }
  close();
  std::rethrow_exception(cancelled);
}

Task<std::expected<Connection::Resolved, QueryError>> Connection::resolve_all(std::string list, int port,
                                                                              Instant deadline) {
  Resolved all;
  const auto add = [&all](const std::string& name, const std::string& address) {
    const char* comma = all.hosts.empty() ? "" : ",";
    all.hosts += comma + name;
    all.addresses += comma + address;
  };
  std::optional<QueryError> failed;
  for (std::string_view rest = list; !rest.empty();) {
    const auto comma = std::min(rest.find(','), rest.size());
    const std::string name(rest.substr(0, comma));
    rest.remove_prefix(std::min(comma + 1, rest.size()));
    if (is_numeric(name)) {
      add(name, name);
      continue;
    }
    auto resolve = resolver_.resolve(name, port);
    auto addresses = co_await with_deadline(clock_, std::move(resolve), deadline);
    if (!addresses) {
      failed =
          QueryError{QueryError::Kind::timeout, {}, "the name " + name + " could not be resolved in time"};
    } else if (!*addresses) {
      failed = QueryError{QueryError::Kind::connection, {}, addresses->error()};
    } else {
      for (const auto& endpoint : **addresses) add(name, endpoint.address().to_string());
    }
  }
  // Of several hosts those that have an address are tried.
  if (all.hosts.empty() && failed) co_return std::unexpected(std::move(*failed));
  co_return all;
}

Task<std::expected<void, QueryError>> Connection::connect_within(ConnectionParameters parameters,
                                                                 Instant deadline) {
  close();
  const std::string what = fmt::format("connection to {}", address_of(parameters));
  const auto host = parameters.find("host");
  // libpq would resolve a name itself, and block on it.
  if (host != parameters.end() && !host->second.empty() && !host->second.starts_with('/') &&
      !parameters.contains("hostaddr")) {
    const auto port = parameters.find("port");
    const int number = port == parameters.end() ? 5432 : std::atoi(port->second.c_str());
    auto resolve = resolve_all(host->second, number, deadline);
    auto resolved = co_await std::move(resolve);
    if (!resolved) {
      resolved.error().detail = what + ": " + resolved.error().detail;
      co_return std::unexpected(std::move(resolved.error()));
    }
    parameters["host"] = resolved->hosts;
    parameters["hostaddr"] = resolved->addresses;
  }
  std::vector<const char*> keys;
  std::vector<const char*> values;
  for (const auto& [key, value] : parameters) {
    // An option that this libpq has not learned yet would fail the connection.
    if (!is_conninfo_keyword(key, PQlibVersion())) continue;
    keys.push_back(key.c_str());
    values.push_back(value.c_str());
  }
  keys.push_back(nullptr);
  values.push_back(nullptr);

  wire_ = std::make_unique<Wire>(co_await asio::this_coro::executor);
  wire_->connection = PQconnectStartParams(keys.data(), values.data(), 0);
  if (wire_->connection == nullptr) throw std::bad_alloc();
  // The code of a refusal is only to be had from the verbose message.
  PQsetErrorVerbosity(wire_->connection, PQERRORS_VERBOSE);
  if (PQstatus(wire_->connection) == CONNECTION_BAD) co_return std::unexpected(broken(what));
  for (auto state = PGRES_POLLING_WRITING;;) {
    const bool in_time = co_await ready(state == PGRES_POLLING_WRITING, deadline);
    wire_->release();
    if (!in_time)
      co_return std::unexpected(QueryError{QueryError::Kind::timeout, {}, what + ": no answer in time"});
    state = PQconnectPoll(wire_->connection);
    if (state == PGRES_POLLING_FAILED) co_return std::unexpected(broken(what));
    if (state == PGRES_POLLING_OK) break;
  }
  PQsetErrorVerbosity(wire_->connection, PQERRORS_DEFAULT);
  PQsetnonblocking(wire_->connection, 1);
  // Notices would be printed on stderr.
  PQsetNoticeProcessor(wire_->connection, [](void*, const char*) {}, nullptr);
  co_return std::expected<void, QueryError>();
}

Task<std::expected<Rows, QueryError>> Connection::query(std::string sql, std::vector<std::string> parameters,
                                                        Instant deadline) {
  if (!open())
    co_return std::unexpected(QueryError{QueryError::Kind::connection, {}, "connection is closed"});
  std::vector<const char*> values;
  for (const auto& parameter : parameters) values.push_back(parameter.c_str());
  const int sent = PQsendQueryParams(wire_->connection, sql.c_str(), static_cast<int>(values.size()), nullptr,
                                     values.data(), nullptr, nullptr, 0);
  if (sent != 1) co_return std::unexpected(broken("query"));
  auto answered = co_await answer("query", deadline);
  co_return rows_of(std::move(answered));
}

Task<std::expected<Table, QueryError>> Connection::table(std::string text, Instant deadline) {
  if (!open())
    co_return std::unexpected(QueryError{QueryError::Kind::connection, {}, "connection is closed"});
  if (PQsendQuery(wire_->connection, text.c_str()) != 1) co_return std::unexpected(broken("command"));
  co_return co_await answer("command", deadline);
}

Task<std::expected<Rows, QueryError>> Connection::command(std::string text, Instant deadline) {
  auto answered = co_await table(std::move(text), deadline);
  co_return rows_of(std::move(answered));
}

Task<std::expected<Table, QueryError>> Connection::answer(std::string what, Instant deadline) {
  Table table;
  std::optional<QueryError> error;
  std::exception_ptr cancelled;
  try {
    for (;;) {
      const int unsent = PQflush(wire_->connection);
      if (unsent < 0) co_return std::unexpected(broken(what));
      if (unsent == 0 && PQisBusy(wire_->connection) == 0) {
        PGresult* result = PQgetResult(wire_->connection);
        if (result == nullptr) break;
        const auto status = PQresultStatus(result);
        if (status == PGRES_TUPLES_OK) {
          table = table_of(result);
        } else if (status == PGRES_COPY_OUT || status == PGRES_COPY_IN || status == PGRES_COPY_BOTH) {
          // It would go on for ever: the server waits for data, or for somebody to take them.
          PQclear(result);
          close();
          co_return std::unexpected(QueryError{
              QueryError::Kind::statement, {}, what + ": COPY to or from the client is not possible here"});
        } else if (status == PGRES_COMMAND_OK || status == PGRES_EMPTY_QUERY) {
          table.has_rows = false;
        } else if (!error) {
          const char* code = PQresultErrorField(result, PG_DIAG_SQLSTATE);
          const char* text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
          error = QueryError{QueryError::Kind::statement, code != nullptr ? code : "",
                             text != nullptr ? text : one_line(PQresultErrorMessage(result))};
        }
        PQclear(result);
        continue;
      }
      const bool in_time = co_await ready(unsent > 0, deadline);
      if (!in_time) {
        close();
        queries_dropped.fetch_add(1, std::memory_order_relaxed);
        co_return std::unexpected(QueryError{QueryError::Kind::timeout, {}, what + ": no answer in time"});
      }
      if (PQconsumeInput(wire_->connection) != 1) co_return std::unexpected(broken(what));
    }
  } catch (...) {
    cancelled = std::current_exception();
  }
  if (cancelled) {
    close();
    std::rethrow_exception(cancelled);
  }
  if (error && PQstatus(wire_->connection) != CONNECTION_OK) {
    error->kind = QueryError::Kind::connection;
    close();
  }
  if (error) co_return std::unexpected(std::move(*error));
  co_return table;
}

}  // namespace tanist::postgres
