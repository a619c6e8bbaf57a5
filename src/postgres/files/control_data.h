#pragma once

#include <optional>
#include <string_view>

#include "postgres/types.h"

namespace tanist::postgres {

/// Reads what pg_controldata printed (LC_ALL=C); nullopt when it holds no cluster state. `seen_at` is left to
/// the caller.
std::optional<ControlData> parse_control_data(std::string_view text);

/// One record as pg_waldump prints it.
struct WalRecord {
  std::string rmgr;
  Lsn lsn;
  Lsn prev;
  /// Of the whole record; 0: not told.
  std::uint64_t bytes = 0;
  std::string description;
  bool is_shutdown_checkpoint() const;
  bool is_switch() const;
};
std::optional<WalRecord> parse_wal_record(std::string_view line);

/// Where a record ends, from `pg_waldump -n 2` begun at it: only when it printed that one record and the
/// error that names the next, empty place, or, where the record fills its page, that nothing has been written
/// to the next one; 0 otherwise.
Lsn end_of_last_record(std::string_view out, std::string_view err);

}  // namespace tanist::postgres
