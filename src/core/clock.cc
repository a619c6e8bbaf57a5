#include "core/clock.h"

#include <time.h>

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "core/format.h"

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

BootClock::time_point BootClock::now() noexcept {
  timespec t;
  ::clock_gettime(CLOCK_BOOTTIME, &t);
  return time_point(std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec));
}

WallTime SystemClock::wall_now() const {
  return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
}

Task<void> SystemClock::sleep_until(Instant until) {
  Timer timer(co_await boost::asio::this_coro::executor, until);
  auto wait = timer.async_wait(boost::asio::use_awaitable);
  co_await std::move(wait);
}

std::string iso8601(WallTime t) {
  const std::time_t whole = std::chrono::floor<std::chrono::seconds>(t).time_since_epoch().count();
  const auto micros = (t - std::chrono::floor<std::chrono::seconds>(t)).count();
  std::tm local{};
  ::localtime_r(&whole, &local);
  std::string fraction = micros == 0 ? std::string() : fmt::format(".{:06}", micros);
  const long offset = local.tm_gmtoff / 60;
  const long minutes = offset < 0 ? -offset : offset;
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}{}{}{:02}:{:02}", local.tm_year + 1900,
                     local.tm_mon + 1, local.tm_mday, local.tm_hour, local.tm_min, local.tm_sec, fraction,
                     offset < 0 ? '-' : '+', minutes / 60, minutes % 60);
}

}  // namespace tanist
