#include "core/time.h"

#include <time.h>

#include "core/format.h"

namespace tanist {

BootClock::time_point BootClock::now() noexcept {
  timespec t;
  ::clock_gettime(CLOCK_BOOTTIME, &t);
  return time_point(std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec));
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
