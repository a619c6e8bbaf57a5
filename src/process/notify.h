#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/time.h"

namespace tanist::process {

/// The service manager (systemd) that started this process, if one did (config.md §11.4).
class ServiceManager {
 public:
  /// Nobody is told anything.
  ServiceManager() = default;
  /// From $NOTIFY_SOCKET, $WATCHDOG_USEC and $WATCHDOG_PID. They leave the environment: PostgreSQL knows the
  /// protocol, too, and would speak for this process. To be called while there is one thread.
  static ServiceManager take_from_environment();

  /// Sends `READY=1`, `STOPPING=1`, …; never blocks. False: nobody was told.
  bool tell(std::string_view state) const;
  /// WATCHDOG=1 must come at least this often; nullopt: it is not expected.
  std::optional<Duration> watchdog() const { return watchdog_; }

 private:
  std::string socket_;
  std::optional<Duration> watchdog_;
};

}  // namespace tanist::process
