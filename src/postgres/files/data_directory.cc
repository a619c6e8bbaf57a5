#include "postgres/files/data_directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <charconv>
#include <cstring>
#include <filesystem>

#include "async/disk_thread.h"
#include "core/format.h"
#include "log/log.h"
#include "postgres/parameters/config_files.h"

TANIST_LOGGER("patroni.postgresql");

namespace tanist::postgres {

namespace fs = std::filesystem;

namespace {

std::unexpected<std::string> failed(std::string_view what, const std::string& path, int error = errno) {
  return std::unexpected(fmt::format("could not {} \"{}\": {}", what, path, std::strerror(error)));
}

bool exists(const std::string& path) {
  return ::access(path.c_str(), F_OK) == 0;
}

bool is_link(const std::string& path) {
  struct stat seen{};
  return ::lstat(path.c_str(), &seen) == 0 && S_ISLNK(seen.st_mode);
}

/// Names in a directory without `.` and `..`; nullopt with errno set.
std::optional<std::vector<std::string>> names_in(const std::string& path) {
  DIR* directory = ::opendir(path.c_str());
  if (directory == nullptr) return std::nullopt;
  std::vector<std::string> names;
  // The end and an error look alike but for errno.
  errno = 0;
  while (const dirent* entry = ::readdir(directory)) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
    errno = 0;
  }
  const int error = errno;
  ::closedir(directory);
  errno = error;
  return error == 0 ? std::optional(std::move(names)) : std::nullopt;
}

/// Files of a directory, told apart: not there, or not to be seen (out of descriptors, an input/output error,
/// a stale handle of NFS). The latter says nothing of the directory.
class Looker {
 public:
  explicit Looker(const std::string& directory) : directory_(directory) {}

  bool there(const std::string& name) {
    struct stat seen{};
    const std::string path = directory_ + "/" + name;
    if (::stat(path.c_str(), &seen) == 0) return true;
    if (errno != ENOENT && errno != ENOTDIR) note(failed("look at", path).error());
    return false;
  }
  std::optional<std::string> read(const std::string& name) {
    auto content = blocking::read_file(directory_ + "/" + name);
    if (content) return std::move(*content);
    note(std::move(content.error()));
    return std::nullopt;
  }
  /// The first thing that could not be seen; empty: all could.
  const std::string& error() const { return error_; }

 private:
  void note(std::string error) {
    if (error_.empty()) error_ = std::move(error);
  }
  const std::string& directory_;
  std::string error_;
};

std::string permission_problem(const std::string& path, const struct stat& seen, int version) {
  if (seen.st_uid != ::geteuid()) {
    return fmt::format(
        "data directory \"{}\" belongs to user {}, PostgreSQL would run as user {}\nHINT: change its "
        "owner, or run Tanist as the user it belongs to",
        path, seen.st_uid, ::geteuid());
  }
  const bool group = version >= kGroupAccess;
  if ((seen.st_mode & ((group ? S_IWGRP : S_IRWXG) | S_IRWXO)) != 0) {
    return fmt::format(
        "data directory \"{}\" has permissions 0{:o}, PostgreSQL wants {}\nHINT: chmod 0700 "
        "\"{}\"",
        path, seen.st_mode & 07777, group ? "0700 or 0750" : "0700", path);
  }
  return {};
}

}  // namespace

bool counts_as_data(const std::string& name) {
  return !name.starts_with('.') && name != "lost+found";
}

std::vector<LinkedDirectory> linked_directories(const std::string& data_dir) {
  std::vector<LinkedDirectory> found;
  const auto add = [&](const std::string& link, bool tablespace) {
    std::error_code ec;
    if (!is_link(link)) return;
    const auto target = fs::canonical(link, ec);
    if (!ec) found.push_back({link, target.string(), tablespace});
  };
  add(data_dir + "/pg_wal", false);
  add(data_dir + "/pg_xlog", false);
  for (const auto& name : names_in(data_dir + "/pg_tblspc").value_or(std::vector<std::string>{})) {
    if (name.find_first_not_of("0123456789") == std::string::npos) add(data_dir + "/pg_tblspc/" + name, true);
  }
  return found;
}

int parse_major_version(std::string_view text) {
  int first = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), first);
  if (parsed.ec != std::errc() || first <= 0) return 0;
  if (first >= 10) return first * 10000;
  int second = 0;
  if (parsed.ptr == text.data() + text.size() || *parsed.ptr != '.') return 0;
  std::from_chars(parsed.ptr + 1, text.data() + text.size(), second);
  return first * 10000 + second * 100;
}

namespace {

std::optional<DiskSpace> space_at(const std::string& path) {
  struct statvfs disk{};
  if (::statvfs(path.c_str(), &disk) != 0) return std::nullopt;
  const auto unit = static_cast<std::int64_t>(disk.f_frsize);
  return DiskSpace{.free_bytes = static_cast<std::int64_t>(disk.f_bavail) * unit,
                   .size_bytes = static_cast<std::int64_t>(disk.f_blocks) * unit};
}

}  // namespace

DataDirectorySeen look_at_data_directory(const std::string& path) {
  DataDirectorySeen seen;
  struct stat directory{};
  if (::stat(path.c_str(), &directory) != 0) {
    if (errno == ENOENT) return seen;
    seen.kind = DataDirectory::unreadable;
    seen.error = failed("look at data directory", path).error();
    return seen;
  }
  const auto names = names_in(path);
  if (!names) {
    seen.kind = DataDirectory::unreadable;
    seen.error = failed("read data directory", path).error();
    return seen;
  }
  std::error_code ec;
  seen.place = {fs::canonical(path, ec).string(), directory.st_dev, directory.st_ino};
  Looker look(path);
  if (const auto version = look.read("PG_VERSION")) seen.major_version = parse_major_version(*version);
  const bool control = look.there("global/pg_control");
  seen.standby_signal = look.there("standby.signal") || look.there("recovery.conf");
  seen.recovery_signal = look.there("recovery.signal");
  seen.backup_label = look.there("backup_label");
  seen.disk = space_at(path);
  seen.wal_disk = space_at(path + (seen.major_version >= 100000 ? "/pg_wal" : "/pg_xlog"));
  seen.group_access = (directory.st_mode & S_IRGRP) != 0;
  if (seen.major_version < 120000) seen.recovery_conf = look.read("recovery.conf");
  seen.postmaster_pid = look.read("postmaster.pid");
  if (!look.error().empty()) {
    seen.kind = DataDirectory::unreadable;
    seen.error = fmt::format("data directory \"{}\" cannot be read: {}", path, look.error());
  } else if (control && seen.major_version != 0) {
    seen.kind = DataDirectory::ok;
    seen.permission_error = permission_problem(path, directory, seen.major_version);
  } else {
    bool empty = !control;
    for (const auto& name : *names) empty = empty && !counts_as_data(name);
    seen.kind = empty ? DataDirectory::empty : DataDirectory::foreign;
    if (!empty) {
      seen.error = fmt::format(
          "data directory \"{}\" is not empty, but it holds no whole PostgreSQL cluster ({} is "
          "missing)",
          path, control ? "PG_VERSION" : "global/pg_control");
    }
  }
  return seen;
}

namespace {

/// A slash at the end would hide that it is a link.
std::string without_slash(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return path;
}

}  // namespace

bool leads_elsewhere(const std::string& path) {
  return is_link(without_slash(path));
}

std::string without_links(const std::string& path) {
  constexpr int kDeepest = 16;
  fs::path at = without_slash(path);
  for (int depth = 0; depth < kDeepest && is_link(at.string()); ++depth) {
    std::error_code ec;
    const fs::path target = fs::read_symlink(at, ec);
    if (ec) break;
    at = target.is_absolute() ? target : at.parent_path() / target;
  }
  return at.lexically_normal().string();
}

std::expected<void, std::string> make_data_directory(const std::string& path) {
  if (exists(path)) return {};
  const fs::path real = without_links(path);
  std::error_code ec;
  fs::create_directories(real.parent_path(), ec);
  if (::mkdir(real.c_str(), 0700) != 0 && errno != EEXIST)
    return failed("create data directory", real.string());
  return blocking::sync_directory(real.parent_path().string());
}

std::expected<std::string, std::string> file_identity(const std::string& path) {
  struct statx seen{};
  // No number of a device: it may be another one when the host starts again.
  if (::statx(AT_FDCWD, path.c_str(), 0, STATX_INO | STATX_CTIME | STATX_BTIME, &seen) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return std::string();
    return failed("look at", path);
  }
  const auto& when = (seen.stx_mask & STATX_BTIME) != 0 ? seen.stx_btime : seen.stx_ctime;
  return fmt::format("{}:{}.{:09}", seen.stx_ino, when.tv_sec, when.tv_nsec);
}

namespace {

constexpr std::string_view kFailed = ".failed";

std::string directory_of(const std::string& path) {
  return fs::path(path).parent_path().string();
}

/// Directories in the location of a tablespace that are of this cluster: another major version keeps its own
/// beside them, and after pg_upgrade that is the way back.
class OwnTablespaces {
 public:
  explicit OwnTablespaces(const std::string& data_dir) {
    if (const auto version = blocking::read_file(data_dir + "/PG_VERSION"); version && *version) {
      version_ = **version;
      version_.resize(std::min(version_.find_first_of(" \r\n"), version_.size()));
    }
    // pg_control begins with the system identifier (8 bytes), its own version and that of the catalog (4
    // each).
    constexpr std::size_t kCatalogAt = 12;
    std::uint32_t catalog = 0;
    const auto control = blocking::read_file(data_dir + "/global/pg_control");
    if (!control || !*control || (*control)->size() < kCatalogAt + sizeof catalog) return;
    std::memcpy(&catalog, (*control)->data() + kCatalogAt, sizeof catalog);
    // A date and a number of that day.
    constexpr std::uint32_t kFirst = 190000000;
    constexpr std::uint32_t kLast = 300000000;
    if (catalog > kFirst && catalog < kLast) catalog_ = std::to_string(catalog);
  }

  bool known() const { return !version_.empty() || !catalog_.empty(); }
  bool own(const std::string& name) const {
    if (!known()) return false;
    const std::string begin = version_.empty() ? "PG_" : "PG_" + version_ + "_";
    if (!name.starts_with(begin)) return false;
    return catalog_.empty() || name.ends_with("_" + catalog_);
  }

 private:
  std::string version_;
  std::string catalog_;
};

std::expected<void, std::string> remove_tree(const std::string& path) {
  std::error_code ec;
  fs::remove_all(path, ec);
  if (ec) return std::unexpected(fmt::format("could not remove \"{}\": {}", path, ec.message()));
  return {};
}

std::expected<void, std::string> remove_tablespace(const std::string& location, const OwnTablespaces& ours) {
  for (const auto& name : names_in(location).value_or(std::vector<std::string>{})) {
    if (ours.own(name)) {
      if (auto removed = remove_tree(location + "/" + name); !removed) return removed;
    } else if (counts_as_data(name)) {
      log::warning(
          "leaving \"{}/{}\": it is not of the cluster whose tablespace is there\n"
          "HINT: pg_basebackup wants an empty directory: move it away when nobody needs it",
          location, name);
    }
  }
  // Where it is empty and its directory is ours, it goes as well.
  ::rmdir(location.c_str());
  return {};
}

}  // namespace

std::expected<void, std::string> empty_directory(const std::string& path) {
  const auto names = names_in(path);
  if (!names) return errno == ENOENT ? std::expected<void, std::string>() : failed("read", path);
  for (const auto& name : *names)
    if (auto removed = remove_tree(path + "/" + name); !removed) return removed;
  return {};
}

std::expected<void, std::string> remove_data_directory(const std::string& given) {
  const std::string path = without_links(given);
  struct stat seen{};
  if (::lstat(path.c_str(), &seen) != 0) {
    if (errno == ENOENT) return {};
    return failed("look at", path);
  }
  if (!S_ISDIR(seen.st_mode)) return blocking::remove_file(path);
  const OwnTablespaces ours(path);
  for (const auto& linked : linked_directories(path)) {
    auto removed = linked.tablespace ? remove_tablespace(linked.target, ours) : remove_tree(linked.target);
    if (!removed) log::warning("{}", removed.error());
  }
  // PG_VERSION goes last: what is left of a removal that was broken off is known by it.
  for (const auto& name : names_in(path).value_or(std::vector<std::string>{})) {
    std::error_code told_below;
    if (counts_as_data(name) && name != "PG_VERSION") fs::remove_all(path + "/" + name, told_below);
  }
  std::error_code ec;
  if (!leads_elsewhere(given)) {
    fs::remove_all(path, ec);
    if (!ec) return blocking::sync_directory(directory_of(path));
  }
  // A mount point cannot be removed, nor what the file system keeps in it; empty is as good. Where a link
  // leads to is kept, so that the next one is made there and not beside the link.
  bool empty = true;
  for (const auto& name : names_in(path).value_or(std::vector<std::string>{})) {
    std::error_code one;
    if (!counts_as_data(name)) continue;
    fs::remove_all(path + "/" + name, one);
    if (one) ec = one;
    empty = empty && !one;
  }
  if (empty && names_in(path)) return blocking::sync_directory(path);
  return std::unexpected(fmt::format("could not remove data directory \"{}\": {}", path, ec.message()));
}

namespace {

/// `<path>.failed`, `<path>.failed.1`, and so on.
std::string aside_name(const std::string& path, int number) {
  return path + std::string(kFailed) + (number == 0 ? "" : "." + std::to_string(number));
}

std::string free_name(const std::string& path) {
  int number = 0;
  while (exists(aside_name(path, number)) || is_link(aside_name(path, number))) ++number;
  return aside_name(path, number);
}

/// A name that something was given to be out of the way.
bool is_put_aside(std::string name) {
  while (!name.empty() && name.back() >= '0' && name.back() <= '9') name.pop_back();
  return name.ends_with(kFailed) || name.ends_with(std::string(kFailed) + ".");
}

std::expected<void, std::string> relink(const std::string& link, const std::string& target) {
  if (::unlink(link.c_str()) != 0) return failed("replace the link", link);
  if (::symlink(target.c_str(), link.c_str()) != 0) return failed("link", link);
  return {};
}

std::expected<void, std::string> put_linked_aside(const LinkedDirectory& linked, const OwnTablespaces& ours) {
  // Done by an attempt that did not get to its end.
  if (is_put_aside(linked.target)) return {};
  const std::string aside = free_name(linked.target);
  if (!linked.tablespace) {
    if (::rename(linked.target.c_str(), aside.c_str()) != 0) return failed("rename", linked.target);
    return relink(linked.link, aside);
  }
  if (::mkdir(aside.c_str(), 0700) != 0) return failed("create directory", aside);
  for (const auto& name : names_in(linked.target).value_or(std::vector<std::string>{})) {
    if (!ours.own(name)) continue;
    const std::string from = linked.target + "/" + name;
    if (::rename(from.c_str(), (aside + "/" + name).c_str()) != 0) return failed("rename", from);
  }
  return relink(linked.link, aside);
}

/// An earlier one that a bootstrap of this daemon made, and nobody since.
bool may_be_removed(const std::string& earlier, const std::string& mark) {
  const auto noted = blocking::read_file(mark);
  const auto identity = file_identity(earlier);
  return noted && *noted && identity && !identity->empty() && **noted == *identity;
}

}  // namespace

std::expected<std::string, std::string> rename_data_directory(const std::string& given,
                                                              const std::string& mark, bool may_give_way) {
  const std::string path = without_links(given);
  struct stat seen{};
  if (::lstat(path.c_str(), &seen) != 0) {
    if (errno == ENOENT) return std::string();
    return failed("look at", path);
  }
  // The earlier one goes first: its links lead to where those of this one are about to be.
  for (int number = 0; exists(aside_name(path, number)); ++number) {
    const std::string earlier = aside_name(path, number);
    if (!may_be_removed(earlier, mark)) continue;
    log::warning("removing \"{}\", which an earlier bootstrap that failed left: \"{}\" takes its name",
                 earlier, path);
    if (auto removed = remove_data_directory(earlier); !removed) return std::unexpected(removed.error());
    break;
  }
  const OwnTablespaces ours(path);
  for (const auto& linked : linked_directories(path))
    if (auto done = put_linked_aside(linked, ours); !done) return std::unexpected(done.error());
  const std::string target = free_name(path);
  const auto identity = file_identity(path);
  if (!identity) return identity;
  if (may_give_way) {
    // Not noted it is kept for good.
    if (auto noting = blocking::write_file(mark, *identity, 0600); !noting)
      log::warning("{}", noting.error());
  } else if (may_be_removed(path, mark)) {
    // A directory that was noted once holds something else by now.
    if (auto forgotten = blocking::remove_file(mark); !forgotten) return std::unexpected(forgotten.error());
  }
  if (::rename(path.c_str(), target.c_str()) != 0) {
    auto error = failed("rename data directory", path);
    if (may_give_way) (void)blocking::remove_file(mark);
    error.error() += "\nHINT: a mount point cannot be renamed: empty it by hand, or use a directory below it";
    return error;
  }
  if (leads_elsewhere(given) && ::mkdir(path.c_str(), seen.st_mode & 0777) != 0)
    return failed("create data directory", path);
  if (auto synced = blocking::sync_directory(directory_of(path)); !synced)
    return std::unexpected(synced.error());
  return target;
}

std::vector<std::string> directories_of(std::string_view list) {
  std::vector<std::string> items;
  while (!list.empty()) {
    const auto comma = std::min(list.find(','), list.size());
    std::string_view item = list.substr(0, comma);
    list.remove_prefix(std::min(comma + 1, list.size()));
    while (item.starts_with(' ')) item.remove_prefix(1);
    while (item.ends_with(' ')) item.remove_suffix(1);
    if (!item.empty()) items.emplace_back(item);
  }
  return items;
}

std::expected<void, std::string> prepare_directories(const config::Settings& settings,
                                                     const std::string& data_dir, bool data_directory_empty) {
  const auto prepare = [&](const std::string& setting, std::string path) -> std::expected<void, std::string> {
    if (path.empty() || path.starts_with('@')) return {};
    if (!path.starts_with('/')) path = data_dir + "/" + path;
    if (data_directory_empty && path.starts_with(data_dir + "/")) return {};
    std::error_code ec;
    fs::create_directories(path, ec);
    const bool usable = ::access(path.c_str(), W_OK | X_OK) == 0;
    if (!usable) {
      return std::unexpected(
          fmt::format("'{}' is defined in {}, but it does not exist or cannot be written to: {}", path,
                      setting, ec ? ec.message() : std::strerror(errno)));
    }
    return {};
  };
  const auto& postgresql = settings.postgresql;
  for (const std::string setting : {"unix_socket_directories", "stats_temp_directory"}) {
    const auto found = postgresql.parameters.find(setting);
    if (found == postgresql.parameters.end()) continue;
    for (const auto& item : directories_of(found->second))
      if (auto ok = prepare("postgresql.parameters." + setting, item); !ok) return ok;
  }
  if (!postgresql.pgpass.empty() && postgresql.krbsrvname.empty()) {
    struct stat seen{};
    if (::stat(postgresql.pgpass.c_str(), &seen) == 0 && !S_ISREG(seen.st_mode)) {
      return std::unexpected(
          fmt::format("'{}' exists and it's not a file, check your `postgresql.pgpass` configuration",
                      postgresql.pgpass));
    }
    return prepare("postgresql.pgpass", fs::path(postgresql.pgpass).parent_path().string());
  }
  return {};
}

namespace {

std::string configuration_directory(const config::Postgresql& postgresql) {
  return postgresql.config_dir.empty() ? postgresql.data_dir : postgresql.config_dir;
}

std::vector<std::string> configuration_files(const config::Postgresql& postgresql) {
  std::vector<std::string> names{postgresql.config_base_name + ".conf"};
  if (postgresql.custom_conf.empty()) names.push_back(postgresql.config_base_name + ".base.conf");
  const auto own = [&](const char* parameter) {
    const auto found = postgresql.parameters.find(parameter);
    return found == postgresql.parameters.end() ||
           resolve_path(configuration_directory(postgresql), found->second) ==
               own_file(postgresql, parameter);
  };
  if (own("hba_file")) names.emplace_back("pg_hba.conf");
  if (own("ident_file")) names.emplace_back("pg_ident.conf");
  return names;
}

}  // namespace

void back_up_configuration(const config::Postgresql& postgresql) {
  for (const auto& name : configuration_files(postgresql)) {
    const auto content = blocking::read_file(configuration_directory(postgresql) + "/" + name);
    const std::string copy = postgresql.data_dir + "/" + name + ".backup";
    const auto before = blocking::read_file(copy);
    if (content && *content && before && *before != *content)
      (void)blocking::write_file(copy, **content, 0600);
  }
}

void restore_configuration(const config::Postgresql& postgresql) {
  for (const auto& name : configuration_files(postgresql)) {
    const std::string path = configuration_directory(postgresql) + "/" + name;
    if (exists(path)) continue;
    const auto copy = blocking::read_file(postgresql.data_dir + "/" + name + ".backup");
    if (copy && *copy) {
      (void)blocking::write_file(path, **copy, 0600);
    } else if (name == "pg_ident.conf") {
      (void)blocking::write_file(path, "", 0600);
    }
  }
}

std::optional<DatedFile> read_dated(const std::string& path) {
  struct stat seen{};
  auto content = blocking::read_file(path);
  if (!content || !*content || ::stat(path.c_str(), &seen) != 0) return std::nullopt;
  const auto modified =
      std::chrono::seconds(seen.st_mtim.tv_sec) + std::chrono::nanoseconds(seen.st_mtim.tv_nsec);
  return DatedFile{std::move(**content), WallTime(std::chrono::floor<std::chrono::microseconds>(modified))};
}

std::vector<std::string> names_of_directory(const std::string& path) {
  return names_in(path).value_or(std::vector<std::string>{});
}

bool file_exists(const std::string& path) {
  return exists(path);
}

std::expected<void, std::string> rename_file(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return failed("rename", from);
  return blocking::sync_directory(directory_of(to));
}

}  // namespace tanist::postgres
