#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "guard/line.h"

/// What /proc tells of other processes, read without a heap. It lives in memory: no disk is waited for.
namespace tanist::guard {

struct Seen {
  pid_t parent = 0;
  char state = '?';
  std::uint64_t start_ticks = 0;
  /// It runs no code any more.
  bool dead() const { return state == 'Z' || state == 'X' || state == 'x'; }
  /// Stopped by a signal.
  bool held() const { return state == 'T' || state == 't'; }
};

/// nullopt: there is no such process.
std::optional<Seen> look_at(pid_t pid);
std::optional<Seen> parse_stat(std::string_view text);

/// A descriptor; closed when it goes.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() { reset(); }
  Descriptor(Descriptor&& other) noexcept : fd_(other.release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    if (this != &other) reset(other.release());
    return *this;
  }
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  int release() {
    const int fd = fd_;
    fd_ = -1;
    return fd;
  }
  void reset(int fd = -1);

 private:
  int fd_ = -1;
};

/// A directory, as other processes may work in it.
class Place {
 public:
  /// `fd` names it; it stays the caller's.
  static std::optional<Place> of(int fd);
  /// Of a process with our mounts the name tells, without asking the file system, which may hang; elsewhere
  /// device and inode.
  bool holds(pid_t pid) const;
  std::string_view name() const { return name_.view(); }

 private:
  Path name_;
  std::uint64_t device_ = 0;
  std::uint64_t inode_ = 0;
};

/// The base name of a process's program is `postgres`, `postmaster` or `other`.
bool runs_server(pid_t pid, std::string_view other);
/// The base name of its program; empty: it cannot be told.
Line<64> program_of(pid_t pid);

/// Sends SIGKILL if the process is still the one that was looked at.
void kill_exactly(pid_t pid, const Seen& seen);

/// The process that a pidfd names; 0: it is gone, or that is none.
pid_t pid_of(int pidfd);

/// Reads numbers, one after the other, from a file of them.
class Numbers {
 public:
  explicit Numbers(const char* path);
  bool readable() const { return static_cast<bool>(fd_); }
  std::optional<pid_t> next();

 private:
  std::optional<char> character();
  Descriptor fd_;
  std::array<char, 4096> buffer_{};
  std::size_t at_ = 0;
  std::size_t end_ = 0;
};

/// All processes that are visible, one after the other.
class AllProcesses {
 public:
  AllProcesses();
  std::optional<pid_t> next();

 private:
  Descriptor fd_;
  alignas(8) std::array<char, 8192> buffer_{};
  std::size_t at_ = 0;
  std::size_t end_ = 0;
};

/// Direct children, zombies included, one after the other; of a process with one thread.
class Children {
 public:
  explicit Children(pid_t parent);
  std::optional<pid_t> next();

 private:
  pid_t parent_;
  Numbers listed_;
  /// For a kernel that does not list them.
  std::optional<AllProcesses> all_;
};

/// The beginning of a small file; false: it cannot be read.
template <std::size_t Size>
bool read_start(const char* path, std::array<char, Size>& buffer, std::string_view& text);
bool read_into(const char* path, char* buffer, std::size_t size, std::string_view& text);
template <std::size_t Size>
bool read_start(const char* path, std::array<char, Size>& buffer, std::string_view& text) {
  return read_into(path, buffer.data(), Size, text);
}

}  // namespace tanist::guard
