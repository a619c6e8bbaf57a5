#include "postgres/clone_place.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <sstream>

#include "core/disk_thread.h"
#include "core/format.h"
#include "postgres/data_directory.h"

namespace tanist::postgres {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kKeep = "keep";
constexpr std::string_view kOutside = "outside ";

std::unexpected<std::string> failed(std::string_view what, const std::string& path) {
  return std::unexpected(fmt::format("could not {} \"{}\": {}", what, path, std::strerror(errno)));
}

std::string beside_of(const std::string& data_dir) {
  return data_dir + ".clone";
}

/// The rename must be on disk before the mark is gone from it.
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
  const std::string parent_path = fs::path(data_dir).parent_path().string();
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
  }
  return found;
}

namespace {

std::expected<void, std::string> write_clone_mark(const ClonePlan& plan, const std::string& path) {
  std::string text = path + "\n";
  if (plan.keep_data) text += std::string(kKeep) + "\n";
  for (const auto& directory : plan.outside) text += std::string(kOutside) + directory + "\n";
  return blocking::write_file(plan.mark, text, 0600);
}

}  // namespace

std::expected<ClonePlace, std::string> prepare_clone(const ClonePlan& plan) {
  const auto left = read_clone_mark(plan.mark);
  if (!left) return std::unexpected(left.error());
  const bool ours = *left && ((*left)->path == plan.data_dir || (*left)->path == beside_of(plan.data_dir));
  if (ours && (*left)->keep_data && plan.replace && !plan.keep_data) {
    if (auto removed = remove_data_directory(plan.data_dir); !removed)
      return std::unexpected(removed.error());
  } else if (ours && !(plan.keep_data && (*left)->keep_data)) {
    const bool beside = (*left)->path != plan.data_dir;
    if (auto removed = discard_clone({(*left)->path, beside}, plan.data_dir, plan.mark); !removed)
      return std::unexpected(removed.error());
  }
  if (plan.keep_data) {
    if (auto written = write_clone_mark(plan, plan.data_dir); !written)
      return std::unexpected(written.error());
    return ClonePlace{plan.data_dir, false};
  }
  if (look_at_data_directory(plan.data_dir).kind != DataDirectory::empty) {
    if (!plan.replace) {
      return std::unexpected(
          fmt::format("data directory \"{}\" is not empty: nothing is copied into it", plan.data_dir));
    }
    if (auto removed = remove_data_directory(plan.data_dir); !removed)
      return std::unexpected(removed.error());
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
    return failed("set permissions of", place.path);
  if (place.beside) {
    struct stat here{};
    if (::lstat(data_dir.c_str(), &here) == 0) {
      // The mode an administrator gave the empty directory stays.
      ::chmod(place.path.c_str(), here.st_mode & 0750);
      if (::rmdir(data_dir.c_str()) != 0) return failed("replace", data_dir);
    }
    if (::rename(place.path.c_str(), data_dir.c_str()) != 0) return failed("rename the clone to", data_dir);
    sync_directory(fs::path(data_dir).parent_path().string());
  }
  return blocking::remove_file(mark);
}

std::expected<void, std::string> discard_clone(const ClonePlace& place, const std::string& data_dir,
                                               const std::string& mark) {
  const auto began = born(mark);
  std::expected<void, std::string> result;
  const auto remove_from = [&](const std::string& directory) {
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
  auto forgotten = blocking::remove_file(mark);
  return result ? forgotten : result;
}

}  // namespace tanist::postgres
