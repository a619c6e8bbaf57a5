#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

#include "process/data_directory_processes.h"
#include "process/proc.h"

namespace tanist::postgres {

/// From this version on postmaster.pid has a status line.
inline constexpr int kHasStatus = 100000;

/// postmaster.pid.
struct PidFile {
  /// Negative: a single-user backend.
  long pid = 0;
  std::string data_dir;
  /// Epoch seconds; 0 when it is no number.
  std::int64_t start_time = 0;
  int port = 0;
  std::string socket_dir;
  /// From version 10 on: `starting`, `stopping`, `ready` or `standby`.
  std::string status;
};
std::optional<PidFile> parse_pid_file(std::string_view text);

/// The process that a pid file names, as /proc shows it.
struct PidFileProcess {
  bool exists = false;
  /// The daemon, its parent, or a child of the daemon.
  bool relative = false;
  std::int64_t start_time = 0;
  std::uint64_t start_ticks = 0;
  std::optional<std::string> executable;
  /// It works in the data directory; nullopt: that cannot be seen.
  std::optional<bool> works_here;
};
/// May block (see process::works_in): for the disk thread.
PidFileProcess describe_process(pid_t pid, const process::WorkPlace& place);

/// Whether that process is the postmaster of this data directory (postgres.md §4): pids are reused, and a pid
/// file on a persistent volume may name any process of a new container.
bool is_our_postmaster(const PidFile& file, const PidFileProcess& process, const std::string& postgres_name,
                       const std::string& data_dir);

/// A process title that cannot commit on its own: auxiliary processes, walsenders and the like.
bool is_auxiliary_title(std::string_view title);
/// The logging collector: holds nothing of the cluster, and ends by itself when all others have.
bool is_logger_title(std::string_view title);
/// A backend that serves a client.
bool is_client_title(std::string_view title);
/// The startup process, which replays WAL.
bool is_startup_title(std::string_view title);
/// A WAL sender that feeds no standby: of a logical client, or of one that has not begun to stream.
bool is_other_sender_title(std::string_view title);

}  // namespace tanist::postgres
