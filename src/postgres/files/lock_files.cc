#include "postgres/files/lock_files.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "core/format.h"
#include "postgres/files/data_directory.h"

namespace tanist::postgres {

namespace {

/// Where sockets are, as configured; else where the builds that are in use put them.
std::string socket_directories(const config::Postgresql& postgresql) {
  const auto found = postgresql.parameters.find("unix_socket_directories");
  return found == postgresql.parameters.end() ? "/var/run/postgresql,/tmp" : found->second;
}

std::vector<std::string> lock_files(const config::Postgresql& postgresql) {
  std::vector<std::string> paths{postgresql.data_dir + "/postmaster.pid"};
  for (const auto& item : directories_of(socket_directories(postgresql))) {
    // Abstract sockets have no file.
    if (item.starts_with('@')) continue;
    const std::string base = item.starts_with('/') ? "" : postgresql.data_dir + "/";
    paths.push_back(fmt::format("{}{}/.s.PGSQL.{}.lock", base, item, postgresql.port));
  }
  return paths;
}

constexpr std::string_view kSocket = ".s.PGSQL.";

}  // namespace

std::vector<std::string> socket_directories_inside(const config::Postgresql& postgresql) {
  std::vector<std::string> inside;
  for (std::string item : directories_of(socket_directories(postgresql))) {
    if (item.starts_with('@')) continue;
    if (!item.starts_with('/')) item = item == "." ? postgresql.data_dir : postgresql.data_dir + "/" + item;
    if (item == postgresql.data_dir || item.starts_with(postgresql.data_dir + "/")) inside.push_back(item);
  }
  return inside;
}

std::vector<std::string> remove_copied_sockets(const config::Postgresql& postgresql) {
  std::vector<std::string> removed;
  std::vector<std::string> directories = socket_directories_inside(postgresql);
  // Where the other one had them.
  if (std::ranges::find(directories, postgresql.data_dir) == directories.end())
    directories.push_back(postgresql.data_dir);
  for (const auto& directory : directories) {
    for (const auto& name : names_of_directory(directory)) {
      const std::string path = directory + "/" + name;
      if (name.starts_with(kSocket) && ::unlink(path.c_str()) == 0) removed.push_back(path);
    }
  }
  return removed;
}

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
