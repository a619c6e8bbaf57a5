#include "process/readable.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace tanist::process {

namespace asio = boost::asio;

namespace {
bool has_news(int fd) {
  pollfd watched{fd, POLLIN, 0};
  return ::poll(&watched, 1, 0) > 0;
}
}  // namespace

Task<void> readable(Clock& clock, int fd) {
  constexpr Duration kLookAgain = std::chrono::milliseconds(20);
  if (has_news(fd)) co_return;
  asio::posix::stream_descriptor watched(co_await asio::this_coro::executor);
  // A descriptor of its own, as Asio closes what it waits on.
  const int copy = ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
  boost::system::error_code ec;
  if (copy >= 0) watched.assign(copy, ec);
  if (copy >= 0 && ec) ::close(copy);
  if (copy >= 0 && !ec) {
    co_await watched.async_wait(asio::posix::stream_descriptor::wait_read, asio::use_awaitable);
    co_return;
  }
  while (!has_news(fd)) {
    co_await clock.sleep_for(kLookAgain);
  }
}

}  // namespace tanist::process
