#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace tanist {

using Duration = std::chrono::nanoseconds;

/// CLOCK_BOOTTIME: does not step, and goes on while the host is suspended. The only clock that leases,
/// deadlines and ages are measured on, in daemon, guardian and snapshot alike.
struct BootClock {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<BootClock>;
  static constexpr bool is_steady = true;
  static time_point now() noexcept;
};

using Instant = BootClock::time_point;

/// What a calendar says: for logs, history, schedules and `dcs_last_seen`, never for a lease.
using WallTime = std::chrono::sys_time<std::chrono::microseconds>;

/// Seconds as a number for messages and JSON.
inline double seconds(Duration d) {
  return std::chrono::duration<double>(d).count();
}
inline Duration from_seconds(double s) {
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(s));
}
inline std::int64_t milliseconds(Duration d) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(d).count();
}
inline std::int64_t unix_seconds(WallTime t) {
  return std::chrono::floor<std::chrono::seconds>(t).time_since_epoch().count();
}

/// ISO 8601 with microseconds (omitted when zero) and the offset of the local zone:
/// `2031-05-01T10:00:00.120000+02:00`.
std::string iso8601(WallTime);

}  // namespace tanist
