#include "log/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "core/format.h"

namespace tanist::log {
namespace {

constexpr auto kRotationPause = std::chrono::minutes(1);

}  // namespace

void RotatingFile::use(Settings settings) {
  // The mode is set when the file is opened.
  if (settings.path != settings_.path || settings.mode != settings_.mode) close();
  settings_ = std::move(settings);
}

void RotatingFile::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

std::expected<void, std::string> RotatingFile::open() {
  const auto failed = [&](int error) {
    close();
    return std::unexpected(fmt::format("could not open \"{}\": {}", settings_.path, std::strerror(error)));
  };
  // Narrow until fchmod: whatever the umask is, nobody reads it in between.
  fd_ = ::open(settings_.path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);
  if (fd_ < 0) return failed(errno);
  struct stat found{};
  if (::fstat(fd_, &found) != 0) return failed(errno);
  // A file of somebody else that may be written to keeps its mode; /dev/null and the like, too.
  if (S_ISREG(found.st_mode) && (found.st_mode & 07777) != settings_.mode &&
      ::fchmod(fd_, settings_.mode) != 0 && errno != EPERM)
    return failed(errno);
  device_ = found.st_dev;
  inode_ = found.st_ino;
  size_ = S_ISREG(found.st_mode) ? found.st_size : 0;
  return {};
}

bool RotatingFile::still_there() const {
  struct stat found{};
  return ::stat(settings_.path.c_str(), &found) == 0 && found.st_dev == device_ && found.st_ino == inode_;
}

void RotatingFile::rotate() {
  const auto numbered = [&](int n) { return fmt::format("{}.{}", settings_.path, n); };
  rotation_problem_.clear();
  for (int n = settings_.old_files - 1; n >= 0; --n) {
    const std::string from = n == 0 ? settings_.path : numbered(n);
    if (::rename(from.c_str(), numbered(n + 1).c_str()) == 0 || errno == ENOENT) continue;
    next_rotation_ = BootClock::now() + kRotationPause;
    rotation_problem_ =
        fmt::format("could not rename \"{}\" to \"{}\": {}", from, numbered(n + 1), std::strerror(errno));
    return;
  }
  close();
}

std::expected<void, std::string> RotatingFile::append(std::string_view line) {
  if (fd_ >= 0 && !still_there()) close();
  if (fd_ < 0)
    if (auto opened = open(); !opened) return opened;
  const auto length = static_cast<std::int64_t>(line.size());
  // A line that is longer than the limit gets a file of its own rather than an endless row of empty ones.
  const bool full = settings_.size_limit > 0 && settings_.old_files > 0 && size_ > 0 &&
                    size_ + length >= settings_.size_limit;
  if (full && BootClock::now() >= next_rotation_) {
    rotate();
    if (fd_ < 0)
      if (auto opened = open(); !opened) return opened;
  }
  std::size_t done = 0;
  while (done < line.size()) {
    const ssize_t n = ::write(fd_, line.data() + done, line.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      const int error = n < 0 ? errno : ENOSPC;
      // Half a line would run into the next one; the whole goes elsewhere.
      if (done > 0 && ::ftruncate(fd_, size_) != 0) size_ += static_cast<std::int64_t>(done);
      close();
      return std::unexpected(
          fmt::format("could not write to \"{}\": {}", settings_.path, std::strerror(error)));
    }
    done += static_cast<std::size_t>(n);
  }
  size_ += length;
  return {};
}

}  // namespace tanist::log
