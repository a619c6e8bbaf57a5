#include "watchdog/watchdog_fence.h"

#include <algorithm>

#include "async/clock.h"
#include "log/log.h"

TANIST_LOGGER("patroni.watchdog.base");

namespace tanist::watchdog {

using namespace std::chrono_literals;
using Mode = config::Watchdog::Mode;

namespace {

constexpr int kShortestUsualTtl = 20;

/// After a required device could not be had.
constexpr Duration kTryAgain = 30s;

int seconds_of(Duration duration) {
  return static_cast<int>(std::chrono::duration_cast<std::chrono::seconds>(duration).count());
}

}  // namespace

void WatchdogFence::take_settings(config::SettingsPtr settings) {
  settings_ = std::move(settings);
  if (config().mode == Mode::off && device_) {
    release();
    problem_.clear();
  }
}

int WatchdogFence::wanted_timeout() const {
  const int ttl = seconds_of(settings_->dynamic.timing.ttl);
  const int margin = config().safety_margin;
  if (margin == -1) return ttl / 2;
  // Of a short lease (tanist.short_lease) the usual margin would leave nothing.
  return ttl - (ttl < kShortestUsualTtl ? std::min(margin, std::max(1, ttl / 4)) : margin);
}

int WatchdogFence::slack(int timeout) const {
  return timeout - seconds_of(settings_->dynamic.timing.loop_wait);
}

ha::WatchdogState WatchdogFence::watchdog() const {
  return {.configured = settings_ && config().mode != Mode::off,
          .active = device_ != nullptr,
          .timeout = device_ ? timeout_ : 0,
          .problem = problem_};
}

bool WatchdogFence::usable() const {
  if (!settings_ || config().mode != Mode::required || device_) return true;
  if (failed_at_ && clock_.now() < *failed_at_ + kTryAgain) return false;
  return slack(wanted_timeout()) >= 0 && is_writable(config().device);
}

Task<bool> WatchdogFence::arm(Instant) {
  armed_ = activate();
  failed_at_ = armed_ ? std::nullopt : std::optional(clock_.now());
  co_return armed_;
}

bool WatchdogFence::refuse(std::string problem, bool is_error) {
  problem_ = std::move(problem);
  // Each cycle tries again.
  if (problem_ != problem_told_) {
    if (is_error) {
      log::error("{}", problem_);
    } else {
      log::warning("{}", problem_);
    }
  }
  problem_told_ = problem_;
  return config().mode != Mode::required;
}

bool WatchdogFence::activate() {
  active_config_ = config();
  active_wanted_ = wanted_timeout();
  if (config().mode == Mode::off) return true;
  const bool required = config().mode == Mode::required;
  const auto failed = [&] {
    if (required) log::error("Configuration requires watchdog, but watchdog could not be configured.");
    return !required;
  };
  const int wanted = wanted_timeout();
  if (slack(wanted) < 0) {
    refuse(fmt::format("Watchdog not supported because leader TTL {} is less than 2x loop_wait {}",
                       seconds_of(settings_->dynamic.timing.ttl),
                       seconds_of(settings_->dynamic.timing.loop_wait)),
           false);
    return failed();
  }
  if (!device_) {
    auto opened =
        opener_(config().device, config().driver == "testing" ? Driver::testing : Driver::linux_device);
    if (!opened) {
      const std::string why = fmt::format("Could not activate {}: {}", config().device, opened.error());
      if (required) {
        refuse(why, false);
      } else {
        // Most hosts have none.
        problem_.clear();
        log::debug("{}", why);
      }
      return failed();
    }
    device_ = std::move(*opened);
  }
  if (auto set = device_->set_timeout(wanted); !set) log::debug("{}", set.error());
  timeout_ = device_->timeout().value_or(wanted);
  if (slack(timeout_) < 0) {
    const int told = timeout_;
    release();
    refuse(fmt::format("loop_wait of {} seconds is too long for watchdog {} second timeout",
                       seconds_of(settings_->dynamic.timing.loop_wait), told),
           true);
    return failed();
  }
  if (!device_->can_be_disabled())
    log::warning(
        "Watchdog implementation can't be disabled. Watchdog will trigger after Patroni loses leader key.");
  if (timeout_ > wanted) {
    if (required) {
      const int told = timeout_;
      release();
      return refuse(
          fmt::format("Configuration requires watchdog, but a safe watchdog timeout {} could not be "
                      "configured. Watchdog timeout is {}.",
                      wanted, told),
          true);
    }
    refuse(fmt::format("Watchdog timeout {} seconds does not ensure safe termination within {} seconds",
                       timeout_, wanted),
           false);
  } else {
    problem_.clear();
    problem_told_.clear();
  }
  if (auto kept = device_->keep_alive(); !kept) {
    release();
    refuse(fmt::format("Could not activate {}: {}", config().device, kept.error()), required);
    return failed();
  }
  log::info("{} activated with {} second timeout, timing slack {} seconds", config().device, timeout_,
            slack(timeout_));
  return true;
}

void WatchdogFence::prolong(Instant kill_at, Instant) {
  if (!armed_) return;
  if (!(active_config_ == config()) || active_wanted_ != wanted_timeout()) {
    // Another device or timeout.
    if (device_ && !(active_config_.device == config().device && active_config_.driver == config().driver))
      release();
    armed_ = activate();
    return;
  }
  if (!device_) return;
  // The answer that renewed the lease may have come late: the host is down before another may lead, all the
  // same.
  const int left = seconds_of(kill_at - clock_.now());
  const int wanted = std::min(active_wanted_, left);
  if (wanted < 1) return;
  if (wanted != timeout_ && timeout_ <= active_wanted_) {
    if (!device_->set_timeout(wanted)) return;
    timeout_ = device_->timeout().value_or(wanted);
    // The device has rounded up: the countdown goes on from the last keepalive.
    if (timeout_ > wanted) return;
  }
  auto kept = device_->keep_alive();
  if (kept) {
    problem_told_.clear();
    return;
  }
  refuse(kept.error(), true);
  if (config().mode != Mode::required) return;
  // It is armed again, or the lead is given up.
  release();
  armed_ = false;
}

void WatchdogFence::release() {
  if (!device_) return;
  if (auto disabled = device_->disable(); !disabled) {
    // Once more, so that there is time to see this.
    (void)device_->keep_alive();
    log::warning(
        "Watchdog implementation can't be disabled. System will reboot after {} seconds when watchdog times "
        "out.",
        timeout_);
  }
  device_.reset();
  timeout_ = 0;
}

Task<void> WatchdogFence::disarm(std::string) {
  release();
  armed_ = false;
  problem_.clear();
  problem_told_.clear();
  co_return;
}

}  // namespace tanist::watchdog
