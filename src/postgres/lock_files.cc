#include "postgres/lock_files.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>

#include "core/format.h"

namespace tanist::postgres {

namespace {

/// Where sockets are, as configured; else where the builds that are in use put them.
std::string socket_directories(const config::Postgresql& postgresql) {
  const auto found = postgresql.parameters.find("unix_socket_directories");
  return found == postgresql.parameters.end() ? "/var/run/postgresql,/tmp" : found->second;
}

std::vector<std::string> lock_files(const config::Postgresql& postgresql) {
  std::vector<std::string> paths{postgresql.data_dir + "/postmaster.pid"};
  const std::string directories = socket_directories(postgresql);
  std::string_view list = directories;
  while (!list.empty()) {
    const auto comma = std::min(list.find(','), list.size());
    std::string_view item = list.substr(0, comma);
    list.remove_prefix(std::min(comma + 1, list.size()));
    while (item.starts_with(' ')) item.remove_prefix(1);
    while (item.ends_with(' ')) item.remove_suffix(1);
    // Abstract sockets have no file.
    if (item.empty() || item.starts_with('@')) continue;
    const std::string base = item.starts_with('/') ? "" : postgresql.data_dir + "/";
    paths.push_back(fmt::format("{}{}/.s.PGSQL.{}.lock", base, item, postgresql.port));
  }
  return paths;
}

}  // namespace

std::vector<std::string> remove_empty_lock_files(const config::Postgresql& postgresql, WallTime now) {
  const std::int64_t latest = unix_seconds(now - kLockFileEmptyFor);
  std::vector<std::string> removed;
  for (const auto& path : lock_files(postgresql)) {
    struct stat seen{};
    if (::lstat(path.c_str(), &seen) != 0 || !S_ISREG(seen.st_mode) || seen.st_size != 0) continue;
    if (seen.st_uid != ::geteuid() || seen.st_mtime > latest) continue;
    if (::unlink(path.c_str()) == 0) removed.push_back(path);
  }
  return removed;
}

}  // namespace tanist::postgres
