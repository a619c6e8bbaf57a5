#pragma once

#include <string>
#include <vector>

#include "ha/ports.h"

namespace tanist::member {

/// Guardian and watchdog as one fence: it is armed when each of them is.
class Fences final : public ha::Fence {
 public:
  Fences(ha::Fence& guardian, ha::Fence& watchdog) : guardian_(guardian), watchdog_(watchdog) {}

  bool usable() const override { return guardian_.usable() && watchdog_.usable(); }
  bool armed() const override { return guardian_.armed() && watchdog_.armed(); }
  /// Who is armed already stays so. Where one cannot be, the other that was armed for this is disarmed: as
  /// nobody counts on it, nobody would disarm it, and it would stop what runs as a standby by then.
  Task<bool> arm(Instant deadline) override {
    std::vector<ha::Fence*> armed;
    bool all = true;
    for (ha::Fence* each : {&guardian_, &watchdog_}) {
      if (each->armed()) continue;
      const bool done = co_await each->arm(deadline);
      if (done) armed.push_back(each);
      all = all && done;
    }
    if (all) co_return true;
    for (ha::Fence* each : armed) {
      co_await each->disarm("not everything could be armed");
    }
    co_return false;
  }
  void prolong(Instant kill_at) override {
    guardian_.prolong(kill_at);
    watchdog_.prolong(kill_at);
  }
  Task<void> disarm(std::string why) override {
    co_await watchdog_.disarm(why);
    co_await guardian_.disarm(std::move(why));
  }
  ha::GuardianState state() const override { return guardian_.state(); }
  ha::WatchdogState watchdog() const override { return watchdog_.watchdog(); }
  void take_settings(config::SettingsPtr settings) override {
    guardian_.take_settings(settings);
    watchdog_.take_settings(std::move(settings));
  }

 private:
  ha::Fence& guardian_;
  ha::Fence& watchdog_;
};

}  // namespace tanist::member
