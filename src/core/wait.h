#pragma once

#include <boost/asio/cancellation_state.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "core/clock.h"
#include "core/task.h"

/// The only ways to wait (with Clock::sleep_until): raw Asio timers, `||` and parallel_group are banned
/// elsewhere.
namespace tanist {

/// Runs `op` until it ends or `until` comes; true when it ended by itself. On the deadline (and when the
/// caller is cancelled) the operation is cancelled and awaited, so nothing it refers to may be gone before
/// this returns. An exception of `op` is rethrown.
Task<bool> run_until(Clock& clock, Task<void> op, Instant until);

/// Runs both; the first to end wins (0 or 1), the other one is cancelled and awaited.
Task<int> race(Task<void> a, Task<void> b);

/// Runs all at once and returns when every one has ended. The first exception cancels the others and is
/// rethrown.
Task<void> all(std::vector<Task<void>> tasks);

namespace detail {
template <class T>
Task<void> keep_result(Task<T> op, std::optional<T>& out) {
  out.emplace(co_await std::move(op));
}
}  // namespace detail

/// As run_until, with the operation's result; nullopt when the deadline came first.
template <class T>
Task<std::optional<T>> with_deadline(Clock& clock, Task<T> op, Instant until) {
  std::optional<T> out;
  auto kept = detail::keep_result<T>(std::move(op), out);
  auto run = run_until(clock, std::move(kept), until);
  co_await std::move(run);
  co_return out;
}

/// From here on this coroutine (with all that it awaits) does not see cancellation: for a phase that must
/// finish once begun, and for cleaning up after operation_aborted was caught. No coroutine itself: in a
/// cancelled coroutine awaiting one would throw before it began.
inline auto shield_from_cancellation() {
  return boost::asio::this_coro::reset_cancellation_state(boost::asio::disable_cancellation());
}
/// The reverse of the above.
inline auto accept_cancellation() {
  return boost::asio::this_coro::reset_cancellation_state(boost::asio::enable_terminal_cancellation());
}

}  // namespace tanist
