#pragma once

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "ha/ports.h"

namespace tanist::member {

/// Guardian, watchdog and tanist_fence as one fence: it is armed when each of them is.
class Fences final : public ha::Fence {
 public:
  Fences(ha::Fence& guardian, ha::Fence& watchdog, ha::Fence& commits)
      : guardian_(guardian), watchdog_(watchdog), each_{&guardian, &watchdog, &commits} {}

  bool usable() const override {
    return std::ranges::all_of(each_, [](const ha::Fence* one) { return one->usable(); });
  }
  bool armed() const override {
    return std::ranges::all_of(each_, [](const ha::Fence* one) { return one->armed(); });
  }
  bool holds() const override {
    return std::ranges::any_of(each_, [](const ha::Fence* one) { return one->holds(); });
  }
  /// Who is armed already stays so. Where one cannot be, the others that were armed for this are disarmed: as
  /// nobody counts on them, nobody would disarm them, and they would stop what runs as a standby by then.
  Task<bool> arm(Instant deadline) override {
    std::vector<ha::Fence*> armed;
    bool all = true;
    for (ha::Fence* one : each_) {
      if (one->armed()) continue;
      const bool done = co_await one->arm(deadline);
      if (done) armed.push_back(one);
      all = all && done;
    }
    if (all) co_return true;
    for (ha::Fence* one : armed) {
      co_await one->disarm("not everything could be armed");
    }
    co_return false;
  }
  void about_to_ask() override {
    for (ha::Fence* one : each_) one->about_to_ask();
  }
  void prolong(Instant kill_at, Instant asked_at) override {
    for (ha::Fence* one : each_) one->prolong(kill_at, asked_at);
  }
  Task<void> disarm(std::string why) override {
    for (ha::Fence* one : {each_[2], each_[1], each_[0]}) {
      co_await one->disarm(why);
    }
  }
  ha::GuardianState state() const override { return guardian_.state(); }
  ha::WatchdogState watchdog() const override { return watchdog_.watchdog(); }
  void take_settings(config::SettingsPtr settings) override {
    for (ha::Fence* one : each_) one->take_settings(settings);
  }

 private:
  ha::Fence& guardian_;
  ha::Fence& watchdog_;
  std::array<ha::Fence*, 3> each_;
};

}  // namespace tanist::member
