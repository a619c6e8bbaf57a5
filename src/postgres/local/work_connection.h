#pragma once

#include <expected>
#include <string>
#include <vector>

#include "async/event.h"
#include "postgres/client/connection.h"
#include "postgres/server.h"

namespace tanist::postgres {

struct Context;

/// Parameters of a connection to the local server as its superuser; `session` says in its application_name
/// what for.
ConnectionParameters superuser_session(const Context& context, const std::string& session,
                                       const std::string& statement_timeout);

/// The connection for what is asked of the server besides the monitor's query: made when it is needed, kept
/// for the next one. One query at a time, the others wait for it. On the control thread.
class WorkConnection {
 public:
  explicit WorkConnection(Context& context);

  Task<std::expected<Rows, QueryError>> query(std::string sql, std::vector<std::string> parameters,
                                              Instant deadline);
  /// On a connection of its own: it may take long.
  Task<Result> checkpoint(Instant deadline);
  void close() { connection_.close(); }

 private:
  Context& context_;
  Connection connection_;
  bool busy_ = false;
  Event free_;
};

}  // namespace tanist::postgres
