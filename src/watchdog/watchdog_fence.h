#pragma once

#include <functional>
#include <optional>
#include <string>

#include "config/settings.h"
#include "ha/ports.h"
#include "watchdog/device.h"

namespace tanist {
class Clock;
}

namespace tanist::watchdog {

/// The watchdog as a fence (ha.md §13): it counts down from each renewal of the lease, and resets the host
/// some time before the lease ends when nobody renews it. A renewal whose answer came late shortens the
/// countdown, where the device lets its timeout be set, or is no keepalive. On the control thread.
class WatchdogFence final : public ha::Fence {
 public:
  using Opener = std::function<std::expected<DevicePtr, std::string>(const std::string&, Driver)>;
  WatchdogFence(Clock& clock, Opener opener = open_device) : clock_(clock), opener_(std::move(opener)) {}

  /// A mode that is off counts at once; anything else with the next renewal.
  void take_settings(config::SettingsPtr settings) override;
  ha::WatchdogState watchdog() const override;

  bool usable() const override;
  bool armed() const override { return armed_; }
  Task<bool> arm(Instant deadline) override;
  void prolong(Instant kill_at, Instant asked_at) override;
  Task<void> disarm(std::string why) override;

 private:
  const config::Watchdog& config() const { return settings_->watchdog; }
  int wanted_timeout() const;
  /// Negative: a renewal may come too late for the device.
  int slack(int timeout) const;
  /// False: it is required and cannot be had.
  bool activate();
  void release();
  bool refuse(std::string problem, bool is_error);

  Clock& clock_;
  Opener opener_;
  config::SettingsPtr settings_;
  /// What it was activated with.
  config::Watchdog active_config_;
  int active_wanted_ = 0;
  DevicePtr device_;
  int timeout_ = 0;
  bool armed_ = false;
  /// It was required and could not be had then: not tried again for a while, so that the lead is given up, or
  /// left to another.
  std::optional<Instant> failed_at_;
  std::string problem_;
  std::string problem_told_;
};

}  // namespace tanist::watchdog
