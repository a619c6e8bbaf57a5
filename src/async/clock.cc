#include "async/clock.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace tanist {
namespace {

struct BoundedWait {
  static BootClock::duration to_wait_duration(const BootClock::duration& d) {
    constexpr BootClock::duration kLongest = std::chrono::seconds(1);
    return d < kLongest ? d : kLongest;
  }
  static BootClock::duration to_wait_duration(const BootClock::time_point& t) {
    return to_wait_duration(t - BootClock::now());
  }
};

using Timer = boost::asio::basic_waitable_timer<BootClock, BoundedWait>;

}  // namespace

WallTime SystemClock::wall_now() const {
  return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
}

Task<void> SystemClock::sleep_until(Instant until) {
  Timer timer(co_await boost::asio::this_coro::executor, until);
  co_await timer.async_wait(boost::asio::use_awaitable);
}

Task<void> SystemClock::sleep_until_or_cancelled(Instant until) {
  Timer timer(co_await boost::asio::this_coro::executor, until);
  auto wait = timer.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
  co_await std::move(wait);
}

}  // namespace tanist
