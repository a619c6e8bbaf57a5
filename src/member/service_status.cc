#include "member/service_status.h"

#include <time.h>

#include <algorithm>
#include <utility>

#include "core/format.h"
#include "log/log.h"

namespace tanist::member {
namespace {

/// CLOCK_MONOTONIC as the protocol wants it.
std::int64_t monotonic_microseconds() {
  timespec at{};
  ::clock_gettime(CLOCK_MONOTONIC, &at);
  return static_cast<std::int64_t>(at.tv_sec) * 1'000'000 + at.tv_nsec / 1000;
}

}  // namespace

void ServiceStatus::ready(Instant now) {
  ready_at_ = now;
  if (!stopping_) manager_.tell("READY=1");
}

void ServiceStatus::reloading() {
  if (stopping_ || !ready_at_) return;
  reloading_ = true;
  manager_.tell(fmt::format("RELOADING=1\nMONOTONIC_USEC={}", monotonic_microseconds()));
}

void ServiceStatus::reloaded() {
  const bool told = std::exchange(reloading_, false);
  if (told && !stopping_) manager_.tell("READY=1");
}

void ServiceStatus::stopping() {
  if (!stopping_) manager_.tell("STOPPING=1");
  stopping_ = true;
}

void ServiceStatus::published(const ha::Snapshot& snapshot) {
  tell_status(snapshot);
  feed_watchdog(snapshot);
  // A postmaster that knows the socket, started by another program, says STOPPING=1 for itself; the service
  // goes on.
  if (ready_at_ && snapshot.state == postgres::State::stopping && !stopping_ && !reloading_)
    manager_.tell("READY=1");
}

void ServiceStatus::tell_status(const ha::Snapshot& snapshot) {
  std::string status = fmt::format("{}, PostgreSQL {}", postgres::to_string(snapshot.role),
                                   postgres::to_string(snapshot.state));
  if (snapshot.paused) status += ", paused";
  if (!snapshot.store_ok) status += ", no contact with the store";
  if (status == status_) return;
  manager_.tell("STATUS=" + status);
  status_ = std::move(status);
}

void ServiceStatus::feed_watchdog(const ha::Snapshot& snapshot) {
  const auto interval = manager_.watchdog();
  if (!interval || !ready_at_) return;
  const auto& timing = snapshot.settings->dynamic.timing;
  const Duration patience = timing.loop_wait + 2 * timing.retry_timeout;
  const Instant decided = std::max(snapshot.last_decision_at, *ready_at_);
  if (snapshot.published_at - decided > patience) return;
  if (fed_at_ != Instant{} && snapshot.published_at - fed_at_ < *interval / 4) return;
  manager_.tell("WATCHDOG=1");
  fed_at_ = snapshot.published_at;
}

}  // namespace tanist::member
