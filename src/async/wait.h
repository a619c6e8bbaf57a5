#pragma once

#include <boost/asio/cancellation_state.hpp>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "async/clock.h"
#include "async/event.h"
#include "async/task.h"

/// The only ways to wait (with Clock::sleep_until): raw Asio timers, `||` and parallel_group are banned
/// elsewhere.
namespace tanist {

/// Runs `op` until it ends or `until` comes; true when it ended by itself. On the deadline (and when the
/// caller is cancelled) the operation is cancelled and awaited, so nothing it refers to may be gone before
/// this returns. An exception of `op` is rethrown.
Task<bool> run_until(Clock& clock, Task<void> op, Instant until);

/// Waits until `event` is set or `until` comes; true when it was set.
Task<bool> wait_until(Clock& clock, Event& event, Instant until);

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
  co_await run_until(clock, std::move(kept), until);
  co_return out;
}

namespace detail {
/// Runs `op` to its end whatever happens to the caller, who sees a cancellation that came meanwhile
/// afterwards. The exception that ended it, or nullptr. Throws nothing, also where the caller was cancelled
/// before.
Task<std::exception_ptr> undisturbed(Task<void> op);

/// What undisturbed needs around it in a coroutine that may be cancelled: there awaiting alone would throw.
inline auto throw_when_cancelled(bool yes) {
  return boost::asio::this_coro::throw_if_cancelled(yes);
}
}  // namespace detail

/// Runs `op` and then, however it ended (a result, an exception, cancelled), `cleanup`, which no cancellation
/// disturbs: it has a deadline of its own. Returns or throws what `op` did; an exception of `cleanup` counts
/// only where `op` had none.
///
/// What `cleanup` undoes is made within `op`: a caller who is cancelled already runs neither.
template <class T>
Task<T> with_cleanup(Task<T> op, Task<void> cleanup) {
  std::conditional_t<std::is_void_v<T>, std::monostate, std::optional<T>> result;
  std::exception_ptr failure;
  try {
    if constexpr (std::is_void_v<T>) {
      co_await std::move(op);
    } else {
      result.emplace(co_await std::move(op));
    }
  } catch (...) {
    failure = std::current_exception();
  }
  co_await detail::throw_when_cancelled(false);
  const std::exception_ptr trouble = co_await detail::undisturbed(std::move(cleanup));
  co_await detail::throw_when_cancelled(true);
  if (failure) std::rethrow_exception(failure);
  if (trouble) std::rethrow_exception(trouble);
  if constexpr (!std::is_void_v<T>) co_return std::move(*result);
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
