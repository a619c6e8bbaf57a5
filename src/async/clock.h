#pragma once

#include "async/task.h"
#include "core/time.h"

namespace tanist {

/// Time as a port: the real clock in the daemon, a simulated one in tests. All waiting goes through it.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Instant now() const = 0;
  virtual WallTime wall_now() const = 0;
  /// Resumes at or after `until`; throws boost::system::system_error(operation_aborted) when cancelled.
  virtual Task<void> sleep_until(Instant until) = 0;
  /// For run_until, which drops one of these for nearly every wait of the daemon: a clock may spare the
  /// exception, and just return when it is cancelled.
  virtual Task<void> sleep_until_or_cancelled(Instant until) { return sleep_until(until); }

  Task<void> sleep_for(Duration d) { return sleep_until(now() + d); }
};

/// The host's clocks. A sleep looks at CLOCK_BOOTTIME at least once a second, so that a deadline that passed
/// while the host was suspended is noticed right after it wakes.
class SystemClock final : public Clock {
 public:
  Instant now() const override { return BootClock::now(); }
  WallTime wall_now() const override;
  Task<void> sleep_until(Instant until) override;
  Task<void> sleep_until_or_cancelled(Instant until) override;
};

}  // namespace tanist
