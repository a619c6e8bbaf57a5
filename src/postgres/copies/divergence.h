#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/history.h"
#include "postgres/types.h"

/// Whether WAL that ends here is part of a leader's, by what both know of their timelines (postgres.md §24).
namespace tanist::postgres {

/// Where the local WAL ends.
struct WalEnd {
  Timeline timeline;
  /// Replayed by a standby; of a primary that was shut down: the shutdown checkpoint.
  Lsn lsn;
  bool in_recovery = true;
};

/// Where the WAL of a stopped server ends; nullopt: the control file does not tell (it crashed).
std::optional<WalEnd> end_of_stopped(const ControlData& control);

struct Comparison {
  enum class Verdict {
    none,
    diverged,
    /// One timeline number, two histories: pg_rewind would take them for the same.
    beyond_rewind,
    /// The leader went on behind the shutdown checkpoint: not diverged if that record ends at `switch_lsn`.
    depends_on_checkpoint,
  } verdict = Verdict::none;
  std::string why;
  Lsn switch_lsn;
};

/// `local_history`: of the local timeline, nullopt where its file is not there; `leader_flushed`: the
/// leader's position, asked for after `local` was known.
Comparison compare_wal(const WalEnd& local, const std::optional<std::vector<HistoryLine>>& local_history,
                       Timeline leader, Lsn leader_flushed, const std::vector<HistoryLine>& leader_history);

}  // namespace tanist::postgres
