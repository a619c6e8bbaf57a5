#include "guard/proc.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <charconv>
#include <cstring>

namespace tanist::guard {
namespace {

template <class T>
std::optional<T> number(std::string_view text) {
  T value{};
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (result.ec != std::errc() || result.ptr == text.data()) return std::nullopt;
  return value;
}

std::string_view next_word(std::string_view& text) {
  const auto begin = text.find_first_not_of(" \t\n");
  if (begin == std::string_view::npos) {
    text = {};
    return {};
  }
  text.remove_prefix(begin);
  const auto word = text.substr(0, text.find_first_of(" \t\n"));
  text.remove_prefix(word.size());
  return word;
}

/// Target of a link of /proc; empty: it cannot be seen.
template <std::size_t Size>
bool link_target(const char* path, Line<Size>& target) {
  std::array<char, Size> buffer{};
  const ssize_t n = ::readlink(path, buffer.data(), buffer.size() - 1);
  if (n <= 0 || static_cast<std::size_t>(n) >= buffer.size() - 1) return false;
  target << std::string_view(buffer.data(), static_cast<std::size_t>(n));
  return true;
}

struct FileId {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  bool operator==(const FileId&) const = default;
};

/// What the kernel has in memory does: a server of files is not asked.
std::optional<FileId> id_of(int directory, const char* path, int flags) {
  struct statx seen{};
  if (::statx(directory, path, flags | AT_STATX_DONT_SYNC, STATX_INO, &seen) != 0) return std::nullopt;
  return FileId{makedev(seen.stx_dev_major, seen.stx_dev_minor), seen.stx_ino};
}

bool has_our_mounts(pid_t pid) {
  Line<64> ours, theirs;
  Line<64> path;
  path << "/proc/" << pid << "/ns/mnt";
  // Where there are no namespaces, or they cannot be seen, names are all there is.
  if (!link_target("/proc/self/ns/mnt", ours) || !link_target(path.c_str(), theirs)) return true;
  return ours.view() == theirs.view();
}

}  // namespace

void Descriptor::reset(int fd) {
  if (fd_ >= 0) ::close(fd_);
  fd_ = fd;
}

bool read_into(const char* path, char* buffer, std::size_t size, std::string_view& text) {
  const Descriptor fd(::open(path, O_RDONLY | O_CLOEXEC));
  if (!fd) return false;
  const ssize_t n = ::read(fd.get(), buffer, size);
  if (n < 0) return false;
  text = {buffer, static_cast<std::size_t>(n)};
  return true;
}

std::optional<Seen> parse_stat(std::string_view text) {
  // The name in parentheses may hold blanks and parentheses itself.
  const auto close = text.rfind(')');
  if (close == std::string_view::npos) return std::nullopt;
  text.remove_prefix(close + 1);
  constexpr int kStart = 19;
  Seen seen;
  for (int field = 0; field <= kStart; ++field) {
    const auto word = next_word(text);
    if (word.empty()) return std::nullopt;
    if (field == 0) seen.state = word[0];
    if (field == 1) {
      const auto parent = number<pid_t>(word);
      if (!parent) return std::nullopt;
      seen.parent = *parent;
    }
    if (field == kStart) {
      const auto ticks = number<std::uint64_t>(word);
      if (!ticks) return std::nullopt;
      seen.start_ticks = *ticks;
    }
  }
  return seen;
}

std::optional<Seen> look_at(pid_t pid) {
  if (pid <= 0) return std::nullopt;
  Line<64> path;
  path << "/proc/" << pid << "/stat";
  std::array<char, 1024> buffer{};
  std::string_view text;
  if (!read_start(path.c_str(), buffer, text)) return std::nullopt;
  return parse_stat(text);
}

std::optional<Place> Place::of(int fd) {
  Place place;
  Line<64> path;
  path << "/proc/self/fd/" << fd;
  if (!link_target(path.c_str(), place.name_)) return std::nullopt;
  if (const auto id = id_of(fd, "", AT_EMPTY_PATH)) {
    place.device_ = id->device;
    place.inode_ = id->inode;
  }
  return place;
}

bool Place::holds(pid_t pid) const {
  Line<64> path;
  path << "/proc/" << pid << "/cwd";
  if (has_our_mounts(pid)) {
    Path there;
    return link_target(path.c_str(), there) && there.view() == name_.view();
  }
  if (inode_ == 0) return false;
  const auto id = id_of(AT_FDCWD, path.c_str(), 0);
  return id && *id == FileId{device_, inode_};
}

Line<64> program_of(pid_t pid) {
  Line<64> path, base;
  path << "/proc/" << pid << "/exe";
  Path target;
  if (!link_target(path.c_str(), target)) return base;
  auto name = target.view();
  constexpr std::string_view kDeleted = " (deleted)";
  if (name.ends_with(kDeleted)) name.remove_suffix(kDeleted.size());
  base << name.substr(name.rfind('/') + 1);
  return base;
}

bool runs_server(pid_t pid, std::string_view other) {
  const auto program = program_of(pid);
  const auto name = program.view();
  return name == "postgres" || name == "postmaster" || (!other.empty() && name == other);
}

void kill_exactly(pid_t pid, const Seen& seen) {
  const Descriptor fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!fd) return;
  // The descriptor was opened before the comparison: what it names is what is compared.
  const auto now = look_at(pid);
  if (now && now->start_ticks == seen.start_ticks)
    ::syscall(SYS_pidfd_send_signal, fd.get(), SIGKILL, nullptr, 0);
}

pid_t pid_of(int pidfd) {
  Line<64> path;
  path << "/proc/self/fdinfo/" << pidfd;
  std::array<char, 512> buffer{};
  std::string_view text;
  if (!read_start(path.c_str(), buffer, text)) return 0;
  constexpr std::string_view kName = "\nPid:\t";
  const auto at = text.find(kName);
  if (at == std::string_view::npos) return 0;
  return std::max(number<pid_t>(text.substr(at + kName.size())).value_or(0), 0);
}

Numbers::Numbers(const char* path) : fd_(::open(path, O_RDONLY | O_CLOEXEC)) {}

std::optional<char> Numbers::character() {
  if (at_ == end_) {
    const ssize_t n = fd_ ? ::read(fd_.get(), buffer_.data(), buffer_.size()) : 0;
    if (n <= 0) return std::nullopt;
    at_ = 0;
    end_ = static_cast<std::size_t>(n);
  }
  return buffer_[at_++];
}

std::optional<pid_t> Numbers::next() {
  pid_t value = 0;
  bool begun = false;
  while (const auto c = character()) {
    if (*c >= '0' && *c <= '9') {
      value = value * 10 + (*c - '0');
      begun = true;
    } else if (begun) {
      return value;
    }
  }
  return begun ? std::optional(value) : std::nullopt;
}

AllProcesses::AllProcesses() : fd_(::open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {}

std::optional<pid_t> AllProcesses::next() {
  struct Entry {
    std::uint64_t inode;
    std::int64_t offset;
    std::uint16_t length;
    unsigned char type;
    char name[1];
  };
  while (fd_) {
    if (at_ >= end_) {
      const long n = ::syscall(SYS_getdents64, fd_.get(), buffer_.data(), buffer_.size());
      if (n <= 0) return std::nullopt;
      at_ = 0;
      end_ = static_cast<std::size_t>(n);
    }
    std::uint16_t length = 0;
    const char* const entry = buffer_.data() + at_;
    std::memcpy(&length, entry + offsetof(Entry, length), sizeof length);
    const std::string_view name(entry + offsetof(Entry, name));
    at_ += length;
    if (name.find_first_not_of("0123456789") != std::string_view::npos) continue;
    if (const auto pid = number<pid_t>(name)) return pid;
  }
  return std::nullopt;
}

Children::Children(pid_t parent)
    : parent_(parent),
      listed_([parent] {
        Line<64> path;
        path << "/proc/" << parent << "/task/" << parent << "/children";
        return path;
      }()
                  .c_str()) {
  if (!listed_.readable()) all_.emplace();
}

std::optional<pid_t> Children::next() {
  if (!all_) return listed_.next();
  while (const auto pid = all_->next()) {
    const auto seen = look_at(*pid);
    if (seen && seen->parent == parent_) return pid;
  }
  return std::nullopt;
}

}  // namespace tanist::guard
