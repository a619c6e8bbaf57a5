#include "postgres/files/clone_place.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <sstream>

#include "async/disk_thread.h"
#include "core/format.h"
#include "log/log.h"
#include "postgres/files/data_directory.h"
#include "postgres/files/removal.h"

TANIST_LOGGER("patroni.postgresql.bootstrap");

namespace tanist::postgres {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kKeep = "keep";
constexpr std::string_view kOutside = "outside ";
constexpr std::string_view kMade = "made ";

std::unexpected<std::string> not_done(std::string_view what, const std::string& path) {
  return std::unexpected(fmt::format("could not {} \"{}\": {}", what, path, std::strerror(errno)));
}

std::string beside_of(const std::string& data_dir) {
  return data_dir + ".clone";
}

std::string parent_of(const std::string& path) {
  return fs::path(path).parent_path().string();
}

void sync_directory(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  ::fsync(fd);
  ::close(fd);
}

/// When it was created; nullopt where the file system does not know.
std::optional<statx_timestamp> born(const std::string& path) {
  struct statx seen{};
  if (::statx(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW, STATX_BTIME, &seen) != 0) return std::nullopt;
  if ((seen.stx_mask & STATX_BTIME) == 0) return std::nullopt;
  return seen.stx_btime;
}

bool not_older(const statx_timestamp& what, const statx_timestamp& than) {
  if (what.tv_sec != than.tv_sec) return what.tv_sec > than.tv_sec;
  // A file system of whole seconds cannot say more.
  return what.tv_nsec == 0 || what.tv_nsec >= than.tv_nsec;
}

bool is_made_since(const std::string& path, const std::optional<statx_timestamp>& began) {
  const auto created = born(path);
  return began && created && not_older(*created, *began);
}

/// One file for good; empty: there is none.
std::string identity_of(const std::string& path) {
  struct statx seen{};
  if (::statx(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW, STATX_INO | STATX_CTIME | STATX_BTIME, &seen) != 0)
    return {};
  // The number alone is used again at once. A change of what has no birth makes it a stranger: nothing is
  // removed then.
  const auto& when = (seen.stx_mask & STATX_BTIME) != 0 ? seen.stx_btime : seen.stx_ctime;
  return fmt::format("{}:{}:{}.{:09}", makedev(seen.stx_dev_major, seen.stx_dev_minor), seen.stx_ino,
                     when.tv_sec, when.tv_nsec);
}

std::string identity_of_cluster(const std::string& data_dir) {
  return identity_of(data_dir + "/PG_VERSION");
}

/// The removal must be on disk before anything is built on it.
std::expected<void, std::string> forget(const std::string& mark) {
  auto removed = blocking::remove_file(mark);
  sync_directory(parent_of(mark));
  return removed;
}

/// A link may lead to what others use: a script may have copied it from somewhere. Removes what was created
/// since the attempt began and tells what it left.
std::expected<void, std::string> remove_created_since(const std::string& directory,
                                                      const std::optional<statx_timestamp>& began) {
  std::string left;
  for (const auto& name : names_of_directory(directory)) {
    const std::string path = directory + "/" + name;
    std::error_code ec;
    if (is_made_since(path, began)) {
      fs::remove_all(path, ec);
      if (ec) return std::unexpected(fmt::format("could not remove \"{}\": {}", path, ec.message()));
    } else if (counts_as_data(name)) {
      left = path;
    }
  }
  if (left.empty() && is_made_since(directory, began)) ::rmdir(directory.c_str());
  if (left.empty()) return {};
  return std::unexpected(
      fmt::format("\"{}\" is linked from a clone that failed, but it was not made by it: it is left alone\n"
                  "HINT: remove it by hand if nobody uses it, or let the clone use another directory",
                  left));
}

std::expected<void, std::string> remove_contents(const std::string& directory) {
  for (const auto& name : names_of_directory(directory)) {
    std::error_code ec;
    if (!counts_as_data(name)) continue;
    fs::remove_all(directory + "/" + name, ec);
    if (ec)
      return std::unexpected(fmt::format("could not remove \"{}/{}\": {}", directory, name, ec.message()));
  }
  return {};
}

bool can_be_replaced_by_rename(const std::string& data_dir) {
  struct stat here{};
  struct stat parent{};
  const std::string parent_path = parent_of(data_dir);
  const bool there = ::lstat(data_dir.c_str(), &here) == 0;
  if (::stat(parent_path.c_str(), &parent) != 0 || ::access(parent_path.c_str(), W_OK | X_OK) != 0)
    return false;
  if (!there) return true;
  return S_ISDIR(here.st_mode) && here.st_dev == parent.st_dev && here.st_uid == ::geteuid() &&
         names_of_directory(data_dir).empty();
}

}  // namespace

std::expected<std::optional<CloneMark>, std::string> read_clone_mark(const std::string& mark) {
  const auto content = blocking::read_file(mark);
  if (!content) return std::unexpected(content.error());
  if (!*content) return std::nullopt;
  CloneMark found;
  std::istringstream text(**content);
  std::getline(text, found.path);
  for (std::string line; std::getline(text, line);) {
    if (line == kKeep) found.keep_data = true;
    if (line.starts_with(kOutside)) found.outside.push_back(line.substr(kOutside.size()));
    if (line.starts_with(kMade)) found.made = line.substr(kMade.size());
  }
  return found;
}

namespace {

std::expected<void, std::string> write_clone_mark(const ClonePlan& plan, const std::string& path) {
  std::string text = path + "\n";
  if (plan.keep_data) text += std::string(kKeep) + "\n";
  for (const auto& directory : plan.outside) text += std::string(kOutside) + directory + "\n";
  auto written = blocking::write_file(plan.mark, text, 0600);
  // The directory of the mark may be new as well.
  sync_directory(parent_of(parent_of(plan.mark)));
  return written;
}

bool is_of(const CloneMark& left, const std::string& data_dir) {
  return left.path == data_dir || left.path == beside_of(data_dir);
}

/// It was renamed, or somebody has put a cluster into the empty directory beside which it was to be made.
bool took_its_place(const ClonePlace& place, const std::string& data_dir) {
  return place.beside && !file_exists(place.path) &&
         look_at_data_directory(data_dir).kind != DataDirectory::empty;
}

/// What looks whole in the data directory may have been restored by hand since the daemon ended.
std::expected<void, std::string> check_is_left(const CloneMark& left, const std::string& data_dir,
                                               const std::string& mark) {
  if (left.path != data_dir || look_at_data_directory(data_dir).kind != DataDirectory::ok) return {};
  if (!left.made.empty() && left.made == identity_of_cluster(data_dir)) return {};
  return std::unexpected(fmt::format(
      "data directory \"{}\" looks whole, but a clone into it was not finished, and it may be what that left "
      "or what somebody restored since\nHINT: remove \"{}\" if it was restored, else remove the data "
      "directory",
      data_dir, mark));
}

std::expected<void, std::string> replace_data(const ClonePlan& plan) {
  log::warning("removing data directory \"{}\": {}", plan.data_dir, plan.why_replace);
  return remove_cluster(plan.data_dir, plan.removal_mark);
}

/// What the mark speaks of, before another attempt; `plan` says whose it is.
std::expected<void, std::string> clear_before(const ClonePlan& plan, const CloneMark& left) {
  if (plan.keep_data && left.keep_data) return {};
  const auto is_left = check_is_left(left, plan.data_dir, plan.mark);
  if (!plan.why_replace.empty() && (left.keep_data || !is_left)) return replace_data(plan);
  if (!is_left) return is_left;
  log::warning("removing what is left in \"{}\": the mark \"{}\" says that a clone into it was not finished",
               left.path, plan.mark);
  return discard_clone({left.path, left.path != plan.data_dir}, plan.data_dir, plan.mark);
}

}  // namespace

void note_made(const std::string& data_dir, const std::string& mark) {
  const std::string made = identity_of_cluster(data_dir);
  if (made.empty()) return;
  const auto left = read_clone_mark(mark);
  if (!left || !*left || (*left)->path != data_dir || (*left)->made == made) return;
  // Added, never made anew: how old the mark is tells what the attempt made. And not created: it may be gone.
  const int fd = ::open(mark.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  if (fd < 0) return;
  const std::string line = std::string(kMade) + made + "\n";
  if (::write(fd, line.data(), line.size()) != static_cast<ssize_t>(line.size()) || ::fsync(fd) != 0)
    log::warning("could not write \"{}\": {}", mark, std::strerror(errno));
  ::close(fd);
}

std::expected<ClonePlace, std::string> prepare_clone(const ClonePlan& plan) {
  const auto left = read_clone_mark(plan.mark);
  if (!left) return std::unexpected(left.error());
  if (*left && is_of(**left, plan.data_dir)) {
    if (auto cleared = clear_before(plan, **left); !cleared) return std::unexpected(cleared.error());
  }
  if (plan.keep_data) {
    if (auto written = write_clone_mark(plan, plan.data_dir); !written)
      return std::unexpected(written.error());
    note_made(plan.data_dir, plan.mark);
    return ClonePlace{plan.data_dir, false};
  }
  if (look_at_data_directory(plan.data_dir).kind != DataDirectory::empty) {
    if (plan.why_replace.empty()) {
      return std::unexpected(
          fmt::format("data directory \"{}\" is not empty: nothing is copied into it", plan.data_dir));
    }
    if (auto removed = replace_data(plan); !removed) return std::unexpected(removed.error());
  }
  // A link to nowhere yet: a tool that makes directories would not get past it.
  if (leads_elsewhere(plan.data_dir)) {
    if (auto made = make_data_directory(plan.data_dir); !made) return std::unexpected(made.error());
  }
  const std::string beside = beside_of(plan.data_dir);
  const bool free = !plan.in_place && can_be_replaced_by_rename(plan.data_dir) && !file_exists(beside);
  const ClonePlace place = free ? ClonePlace{beside, true} : ClonePlace{plan.data_dir, false};
  if (auto written = write_clone_mark(plan, place.path); !written) return std::unexpected(written.error());
  return place;
}

std::expected<void, std::string> finish_clone(const ClonePlace& place, const std::string& data_dir,
                                              const std::string& mark) {
  const auto seen = look_at_data_directory(place.path);
  if (seen.kind != DataDirectory::ok) {
    return std::unexpected(seen.error.empty()
                               ? fmt::format("there is no cluster in \"{}\" afterwards", place.path)
                               : seen.error);
  }
  // PostgreSQL wants it for itself; a script may not have thought of that.
  if (!seen.permission_error.empty() && ::chmod(place.path.c_str(), 0700) != 0)
    return not_done("set permissions of", place.path);
  if (place.beside) {
    struct stat here{};
    if (::lstat(data_dir.c_str(), &here) == 0) {
      // The group sees what an administrator let it see, where PostgreSQL starts with that.
      const bool group = (here.st_mode & 07777) == 0750 && seen.major_version >= kGroupAccess;
      ::chmod(place.path.c_str(), group ? 0750 : 0700);
      if (::rmdir(data_dir.c_str()) != 0) return not_done("replace", data_dir);
    }
    if (::rename(place.path.c_str(), data_dir.c_str()) != 0) return not_done("rename the clone to", data_dir);
    // The rename must be on disk before the mark is gone from it.
    sync_directory(parent_of(data_dir));
  }
  return forget(mark);
}

std::expected<void, std::string> discard_clone(const ClonePlace& place, const std::string& data_dir,
                                               const std::string& mark) {
  // The clone is whole: the daemon was killed, or the host lost power, between the rename and the end of the
  // mark.
  if (took_its_place(place, data_dir)) return forget(mark);
  const auto began = born(mark);
  const auto in_use = place.beside ? linked_directories(data_dir) : std::vector<LinkedDirectory>();
  std::expected<void, std::string> result;
  const auto remove_from = [&](const std::string& directory) {
    std::error_code ec;
    const std::string resolved = fs::weakly_canonical(directory, ec).string();
    if (std::ranges::find(in_use, resolved, &LinkedDirectory::target) != in_use.end()) return;
    auto removed = remove_created_since(directory, began);
    if (!removed && result) result = std::move(removed);
  };
  for (const auto& linked : linked_directories(place.path)) {
    remove_from(linked.target);
    // The link goes in any case: what it leads to is no longer of this place.
    ::unlink(linked.link.c_str());
  }
  // The links come late in a base backup; the directories are used before.
  if (const auto known = read_clone_mark(mark); known && *known) {
    for (const auto& directory : (*known)->outside) remove_from(directory);
  }
  std::error_code ec;
  if (place.beside) fs::remove_all(place.path, ec);
  if (ec) return std::unexpected(fmt::format("could not remove \"{}\": {}", place.path, ec.message()));
  if (!place.beside) {
    if (auto removed = remove_contents(data_dir); !removed) return removed;
    if (is_made_since(data_dir, began)) ::rmdir(data_dir.c_str());
  }
  auto forgotten = forget(mark);
  return result ? forgotten : result;
}

std::expected<bool, std::string> clear_left_clone(const std::string& data_dir, const std::string& mark) {
  const auto left = read_clone_mark(mark);
  if (!left) return std::unexpected(left.error());
  if (!*left || !is_of(**left, data_dir)) return false;
  const ClonePlace place{(*left)->path, (*left)->path != data_dir};
  if (took_its_place(place, data_dir)) {
    log::info("data directory \"{}\" was not touched by the clone that \"{}\" speaks of, or is that clone",
              data_dir, mark);
  } else {
    if (auto is_left = check_is_left(**left, data_dir, mark); !is_left)
      return std::unexpected(is_left.error());
    log::warning("{} what an unfinished clone left in {}", (*left)->keep_data ? "not using" : "removing",
                 place.path);
    if ((*left)->keep_data) return true;
  }
  if (auto discarded = discard_clone(place, data_dir, mark); !discarded)
    return std::unexpected(discarded.error());
  return false;
}

bool marks_unfinished_clone(const std::string& data_dir, const std::string& mark) {
  const auto left = read_clone_mark(mark);
  if (!left) return true;
  if (!*left || !is_of(**left, data_dir)) return false;
  const ClonePlace place{(*left)->path, (*left)->path != data_dir};
  return !took_its_place(place, data_dir) || !forget(mark);
}

}  // namespace tanist::postgres
