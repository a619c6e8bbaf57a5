#pragma once

#include <string>

namespace tanist::ha {

/// The Linux watchdog of this member, as others are told of it.
struct WatchdogState {
  /// It is to be used (`watchdog.mode` is not off).
  bool configured = false;
  /// The device counts down.
  bool active = false;
  /// Seconds, as the device tells; 0: not active.
  int timeout = 0;
  /// Why it does not watch as it should; empty: it does, or is not needed now.
  std::string problem = {};
};

}  // namespace tanist::ha
