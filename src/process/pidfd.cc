#include "process/pidfd.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstring>
#include <utility>

#include "core/format.h"

namespace tanist::process {

namespace asio = boost::asio;

std::expected<PidFd, std::string> PidFd::open(pid_t pid) {
  const int fd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  if (fd < 0) return std::unexpected(fmt::format("could not open process {}: {}", pid, std::strerror(errno)));
  return PidFd(pid, fd);
}

PidFd::~PidFd() {
  if (fd_ >= 0) ::close(fd_);
}

PidFd::PidFd(PidFd&& other) noexcept
    : pid_(std::exchange(other.pid_, 0)), fd_(std::exchange(other.fd_, -1)) {}

PidFd& PidFd::operator=(PidFd&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(fd_, other.fd_);
  return *this;
}

bool PidFd::signal(int number) const {
  return fd_ >= 0 && ::syscall(SYS_pidfd_send_signal, fd_, number, nullptr, 0) == 0;
}

bool PidFd::ended() const {
  pollfd poll_fd{fd_, POLLIN, 0};
  return fd_ < 0 || ::poll(&poll_fd, 1, 0) > 0;
}

Task<void> PidFd::wait(Clock& clock) const {
  constexpr Duration kLook = std::chrono::milliseconds(20);
  if (ended()) co_return;
  asio::posix::stream_descriptor watched(co_await asio::this_coro::executor);
  // A descriptor of its own, as Asio closes what it waits on.
  const int copy = ::fcntl(fd_, F_DUPFD_CLOEXEC, 0);
  boost::system::error_code ec;
  if (copy >= 0) watched.assign(copy, ec);
  if (copy >= 0 && ec) ::close(copy);
  if (copy >= 0 && !ec) {
    co_await watched.async_wait(asio::posix::stream_descriptor::wait_read, asio::use_awaitable);
    co_return;
  }
  while (!ended()) {
    co_await clock.sleep_for(kLook);
  }
}

}  // namespace tanist::process
