#pragma once

#include <optional>
#include <string>

#include "ha/model/snapshot.h"
#include "process/notify.h"

namespace tanist::member {

/// What the service manager is told of this member: that it serves, reloads, stops, what it is, and that its
/// cycle still decides (config.md §11.4). Lives on the control thread; asks no clock.
class ServiceStatus {
 public:
  explicit ServiceStatus(process::ServiceManager manager) : manager_(std::move(manager)) {}

  /// The REST API is open, the first cycle comes next.
  void ready(Instant now);
  /// Before ready() a reload is not told: its end would say READY=1 of a member that does not serve yet.
  void reloading();
  void reloaded();
  /// The daemon ends; from here on it is never ready again.
  void stopping();
  /// A snapshot was published, at least once a second: role and state when they change, and WATCHDOG=1 while
  /// the last decision is younger than `loop_wait` and two `retry_timeout`.
  void published(const ha::Snapshot& snapshot);

 private:
  void tell_status(const ha::Snapshot& snapshot);
  void feed_watchdog(const ha::Snapshot& snapshot);

  process::ServiceManager manager_;
  bool stopping_ = false;
  bool reloading_ = false;
  std::optional<Instant> ready_at_;
  Instant fed_at_{};
  std::string status_;
};

}  // namespace tanist::member
