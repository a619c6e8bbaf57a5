#pragma once

#include <optional>
#include <string>
#include <vector>

#include "async/disk_thread.h"
#include "core/history.h"
#include "core/lsn.h"

/// History files of the data directory, `wal`: its directory of WAL. The disk outlives the calls.
namespace tanist::postgres {

/// Of the local timeline; nullopt: its file is not there, or cannot be read.
Task<std::optional<std::vector<HistoryLine>>> local_history(Disk& disk, std::string wal, Timeline timeline,
                                                            Instant deadline);

/// Lines for the cluster's history; the last one with the file's time and `new_leader`. Empty: there is no
/// file.
Task<std::vector<HistoryLine>> history_lines(DiskThread& disk, std::string wal, Timeline timeline,
                                             std::string new_leader, Instant deadline);

}  // namespace tanist::postgres
