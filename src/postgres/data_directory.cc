#include "postgres/data_directory.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <cstring>
#include <filesystem>

#include "core/disk_thread.h"
#include "core/format.h"
#include "core/log.h"
#include "postgres/config_files.h"

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
  while (const dirent* entry = ::readdir(directory)) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  ::closedir(directory);
  return names;
}

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
  const auto add = [&](const std::string& link) {
    std::error_code ec;
    if (!is_link(link)) return;
    const auto target = fs::canonical(link, ec);
    if (!ec) found.push_back({link, target.string()});
  };
  add(data_dir + "/pg_wal");
  add(data_dir + "/pg_xlog");
  for (const auto& name : names_in(data_dir + "/pg_tblspc").value_or(std::vector<std::string>{})) {
    if (name.find_first_not_of("0123456789") == std::string::npos) add(data_dir + "/pg_tblspc/" + name);
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
  seen.real_path = fs::canonical(path, ec).string();
  if (const auto version = blocking::read_file(path + "/PG_VERSION"); version && *version) {
    seen.major_version = parse_major_version(**version);
  }
  const bool control = exists(path + "/global/pg_control");
  if (control && seen.major_version != 0) {
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
  seen.standby_signal = exists(path + "/standby.signal") || exists(path + "/recovery.conf");
  seen.recovery_signal = exists(path + "/recovery.signal");
  seen.backup_label = exists(path + "/backup_label");
  seen.group_access = (directory.st_mode & S_IRGRP) != 0;
  if (seen.major_version < 120000) {
    if (auto recovery = blocking::read_file(path + "/recovery.conf"); recovery)
      seen.recovery_conf = std::move(*recovery);
  }
  if (auto pid = blocking::read_file(path + "/postmaster.pid"); pid) seen.postmaster_pid = std::move(*pid);
  return seen;
}

std::expected<void, std::string> remove_data_directory(const std::string& path) {
  struct stat seen{};
  if (::lstat(path.c_str(), &seen) != 0) {
    if (errno == ENOENT) return {};
    return failed("look at", path);
  }
  if (!S_ISDIR(seen.st_mode)) return blocking::remove_file(path);
  std::error_code ec;
  for (const auto& linked : linked_directories(path)) fs::remove_all(linked.target, ec);
  fs::remove_all(path, ec);
  if (!ec) return {};
  // A mount point cannot be removed, nor what the file system keeps in it; empty is as good.
  bool empty = true;
  for (const auto& name : names_in(path).value_or(std::vector<std::string>{})) {
    std::error_code one;
    if (!counts_as_data(name)) continue;
    fs::remove_all(path + "/" + name, one);
    if (one) ec = one;
    empty = empty && !one;
  }
  if (empty && names_in(path)) return {};
  return std::unexpected(fmt::format("could not remove data directory \"{}\": {}", path, ec.message()));
}

std::expected<void, std::string> rename_data_directory(const std::string& path) {
  constexpr std::string_view kFailed = ".failed";
  if (!exists(path)) return {};
  // The earlier one goes first: its links lead to where those of this one are about to be.
  const std::string target = path + std::string(kFailed);
  if (exists(target)) log::warning("removing \"{}\": \"{}\" takes its name", target, path);
  if (auto removed = remove_data_directory(target); !removed) return removed;
  for (const auto& linked : linked_directories(path)) {
    // Done by an attempt that did not get to its end.
    if (linked.target.ends_with(kFailed)) continue;
    const std::string aside = linked.target + std::string(kFailed);
    std::error_code ec;
    if (exists(aside)) log::warning("removing \"{}\": \"{}\" takes its name", aside, linked.target);
    fs::remove_all(aside, ec);
    if (::rename(linked.target.c_str(), aside.c_str()) != 0) return failed("rename", linked.target);
    if (::unlink(linked.link.c_str()) != 0) return failed("replace the link", linked.link);
    if (::symlink(aside.c_str(), linked.link.c_str()) != 0) return failed("link", linked.link);
  }
  if (::rename(path.c_str(), target.c_str()) != 0) {
    auto error = failed("rename data directory", path);
    error.error() += "\nHINT: a mount point cannot be renamed: empty it by hand, or use a directory below it";
    return error;
  }
  return {};
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
  return {};
}

}  // namespace tanist::postgres
