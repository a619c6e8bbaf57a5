#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "config/settings.h"
#include "core/time.h"

namespace tanist::postgres {

/// A server writes its lock files within moments of creating them: one that stayed empty for longer has no
/// owner that could still do so.
inline constexpr auto kLockFileEmptyFor = std::chrono::seconds(5);

/// Removes what a server that was killed while it started leaves behind: lock files, of the data directory
/// and of the sockets on its port, that are still empty. PostgreSQL refuses to start beside one, for ever,
/// because it cannot know whether another server is just starting. Only for a data directory on which nothing
/// runs; only files of this account. Returns the paths. Blocks.
std::vector<std::string> remove_empty_lock_files(const config::Postgresql& postgresql, WallTime now);

/// Directories of sockets that lie in the data directory (`unix_socket_directories: '.'`): there is no data
/// in them, but what copies the directory takes it for such.
std::vector<std::string> socket_directories_inside(const config::Postgresql& postgresql);

/// Removes sockets and their lock files from the data directory and from those. Only for one on which nothing
/// runs: a copy, in which a lock file names a process of another host. Returns the paths. Blocks.
std::vector<std::string> remove_copied_sockets(const config::Postgresql& postgresql);

}  // namespace tanist::postgres
