#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/time.h"

/// What /proc tells of other processes. It lives in memory: these calls do not wait for disks.
namespace tanist::process {

struct Stat {
  pid_t pid = 0;
  pid_t parent = 0;
  /// R, S, D, T, Z, X …
  char state = '?';
  /// Ticks since boot; with the pid it names one process for good.
  std::uint64_t start_ticks = 0;
  /// A zombie (or nearly): it runs no code and holds nothing any more.
  bool dead() const { return state == 'Z' || state == 'X' || state == 'x'; }
};

/// One process for good, not only its number.
struct Identity {
  pid_t pid = 0;
  std::uint64_t start_ticks = 0;
  auto operator<=>(const Identity&) const = default;
};

/// nullopt: there is no such process.
std::optional<Stat> stat(pid_t pid);
std::optional<Stat> parse_stat(std::string_view text);
/// When the process with this start began; whole seconds are trustworthy.
WallTime start_time(std::uint64_t start_ticks);
/// It exists, is the same process, and no zombie.
bool alive(const Identity&);

/// Direct children, zombies included.
std::vector<pid_t> children(pid_t pid);
/// The same of a process with one thread, in one read.
std::vector<pid_t> children_of_main_thread(pid_t pid);
/// Children, their children and so on, without `pid`.
std::vector<pid_t> descendants(pid_t pid);
/// All processes that are visible.
std::vector<pid_t> all();

/// Target of /proc/PID/exe without ` (deleted)`; nullopt when it cannot be read.
std::optional<std::string> executable(pid_t pid);
std::optional<std::string> working_directory(pid_t pid);
/// Command line (or the title a process gave itself), arguments joined by blanks.
std::string title(pid_t pid);

/// Processes whose environment, as it was when they were started, has this variable with this value.
std::vector<Identity> with_variable(const std::string& name, const std::string& value);

/// Sends `signal` if the process still is the one named; false when it is gone.
bool send_signal(const Identity&, int signal);
/// Freezes the process and all below it, then kills them: none can fork away meanwhile.
void kill_tree(pid_t pid);

}  // namespace tanist::process
