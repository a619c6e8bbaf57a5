#pragma once

#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "postgres/client/connection.h"
#include "postgres/copies/divergence.h"
#include "postgres/server.h"

namespace tanist::postgres {

struct Context;
class ControlFile;
class Programs;

/// Asking the leader how its WAL came about, and this server how its own did (postgres.md §24). Keeps nothing
/// itself. On the control thread.
class WalComparison {
 public:
  WalComparison(Context& context, Programs& programs, ControlFile& control_file)
      : context_(context), programs_(programs), control_file_(control_file) {}

  /// Connects to it as a base backup does.
  Task<SourceAnswer> ask_source(Upstream source, Instant deadline);
  Task<DivergenceAnswer> compare_with(Upstream leader, Instant deadline);
  /// nullopt: it is a primary; else why it is not, or could not be asked.
  Task<std::optional<std::string>> why_not_writable(Upstream leader, Instant deadline);

 private:
  struct Identity {
    std::string system_identifier;
    Timeline timeline;
    Lsn flushed;
  };
  /// `connection` is open for replication afterwards.
  Task<std::expected<Identity, std::string>> identify(Connection* connection, Upstream source,
                                                      Instant deadline);
  /// What the leader says of its own WAL.
  struct LeaderWal {
    Timeline timeline;
    Lsn flushed;
    /// Empty where the local timeline is newer: it does not count then.
    std::vector<HistoryLine> history;
  };
  Task<std::expected<WalEnd, std::string>> local_end(Instant deadline);
  Task<std::expected<LeaderWal, std::string>> ask_leader(Upstream leader, Timeline local, Instant deadline);
  /// Two members that were promoted at the same position have the same history; but the record that a
  /// promotion writes carries its time. True: the local timeline begins with another record than the leader's
  /// of that number.
  Task<bool> began_differently(Upstream leader, WalEnd local, Lsn begin, Instant deadline);
  Task<std::expected<void, QueryError>> connect(Connection* connection, Upstream source, Instant deadline);

  Context& context_;
  Programs& programs_;
  ControlFile& control_file_;
};

}  // namespace tanist::postgres
