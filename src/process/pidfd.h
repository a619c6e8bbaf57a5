#pragma once

#include <sys/types.h>

#include <expected>
#include <string>

#include "async/clock.h"
#include "async/task.h"

namespace tanist::process {

/// A descriptor that names one process for good: no signal can hit a later process with the same number.
class PidFd {
 public:
  PidFd() = default;
  /// Works for any process, child or not.
  static std::expected<PidFd, std::string> open(pid_t pid);
  ~PidFd();
  PidFd(PidFd&&) noexcept;
  PidFd& operator=(PidFd&&) noexcept;

  explicit operator bool() const { return fd_ >= 0; }
  pid_t pid() const { return pid_; }
  int descriptor() const { return fd_; }
  /// False when the process is gone (or nothing is open).
  bool signal(int number) const;
  /// It has ended; a zombie has, too.
  bool ended() const;
  /// Returns when it has ended. Several coroutines may wait; the object must outlive them. Out of descriptors
  /// it looks again and again instead of being told.
  Task<void> wait(Clock& clock) const;

 private:
  PidFd(pid_t pid, int fd) : pid_(pid), fd_(fd) {}
  pid_t pid_ = 0;
  int fd_ = -1;
};

}  // namespace tanist::process
