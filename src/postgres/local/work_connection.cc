#include "postgres/local/work_connection.h"

#include <algorithm>

#include "async/wait.h"
#include "postgres/local/context.h"

namespace tanist::postgres {

using namespace std::chrono_literals;

ConnectionParameters superuser_session(const Context& context, const std::string& session,
                                       const std::string& statement_timeout) {
  ConnectionParameters parameters =
      local_parameters(*context.settings, context.address, context.pg().superuser, false);
  parameters["application_name"] = "Patroni " + session;
  parameters["fallback_application_name"] = "Patroni";
  parameters["options"] = "-c statement_timeout=" + statement_timeout +
                          " -c search_path=pg_catalog -c pg_stat_statements.track=none -c DateStyle=ISO";
  return parameters;
}

WorkConnection::WorkConnection(Context& context)
    : context_(context), connection_(context.clock, *context.resolver) {}

Task<std::expected<Rows, QueryError>> WorkConnection::query(std::string sql,
                                                            std::vector<std::string> parameters,
                                                            Instant deadline) {
  while (busy_) {
    free_.clear();
    const bool in_time = co_await wait_until(context_.clock, free_, deadline);
    if (!in_time) {
      co_return std::unexpected(QueryError{QueryError::Kind::timeout, {}, "the connection is in use"});
    }
  }
  struct Use {
    WorkConnection& work;
    explicit Use(WorkConnection& w) : work(w) { work.busy_ = true; }
    ~Use() {
      work.busy_ = false;
      work.free_.set();
    }
  };
  const Use use(*this);
  if (!connection_.open()) {
    auto connected = co_await connection_.connect(superuser_session(context_, "restapi", "2000"), deadline);
    if (!connected) co_return std::unexpected(std::move(connected.error()));
  }
  std::expected<Rows, QueryError> rows = co_await connection_.query(sql, parameters, deadline);
  const bool stale = !rows && rows.error().kind == QueryError::Kind::connection;
  if (!stale) co_return rows;
  auto connected = co_await connection_.connect(superuser_session(context_, "restapi", "2000"), deadline);
  if (!connected) co_return std::unexpected(std::move(connected.error()));
  co_return co_await connection_.query(std::move(sql), std::move(parameters), deadline);
}

Task<Result> WorkConnection::checkpoint(Instant deadline) {
  if (!context_.facts.running()) co_return std::unexpected(Failure{"CHECKPOINT: PostgreSQL does not run"});
  Connection connection(context_.clock, *context_.resolver);
  auto connected = co_await connection.connect(superuser_session(context_, "restapi", "0"),
                                               std::min(deadline, context_.clock.now() + 3s));
  if (!connected) co_return std::unexpected(Failure{"CHECKPOINT: " + connected.error().detail});
  auto done = co_await connection.command("CHECKPOINT", deadline);
  if (!done) co_return std::unexpected(Failure{"CHECKPOINT: " + done.error().detail});
  co_return Result();
}

}  // namespace tanist::postgres
