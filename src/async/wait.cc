#include "async/wait.h"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace tanist {

namespace asio = boost::asio;

Task<int> race(Task<void> a, Task<void> b) {
  // Not `||`: that waits for one success, so it loses the exception of the first to end, and after a
  // cancellation it throws multiple_exceptions, which nobody takes for one.
  auto executor = co_await asio::this_coro::executor;
  auto both = asio::experimental::make_parallel_group(asio::co_spawn(executor, std::move(a), asio::deferred),
                                                      asio::co_spawn(executor, std::move(b), asio::deferred));
  auto [order, failure_a, failure_b] =
      co_await both.async_wait(asio::experimental::wait_for_one(), asio::use_awaitable);
  const int winner = static_cast<int>(order[0]);
  const std::exception_ptr failure = winner == 0 ? failure_a : failure_b;
  if (failure) std::rethrow_exception(failure);
  co_return winner;
}

Task<void> all(std::vector<Task<void>> tasks) {
  if (tasks.empty()) co_return;
  auto last = std::move(tasks.back());
  tasks.pop_back();
  if (tasks.empty()) {
    co_await std::move(last);
    co_return;
  }
  auto executor = co_await asio::this_coro::executor;
  auto both = asio::experimental::make_parallel_group(
      asio::co_spawn(executor, std::move(last), asio::deferred),
      asio::co_spawn(executor, all(std::move(tasks)), asio::deferred));
  auto [order, failure_a, failure_b] =
      co_await both.async_wait(asio::experimental::wait_for_one_error(), asio::use_awaitable);
  const auto& first = order[0] == 0 ? failure_a : failure_b;
  const auto& second = order[0] == 0 ? failure_b : failure_a;
  if (first) std::rethrow_exception(first);
  if (second) std::rethrow_exception(second);
}

namespace detail {

Task<std::exception_ptr> undisturbed(Task<void> op) {
  // A chain of its own, and no slot by which a cancellation of ours could reach it: shield_from_cancellation
  // would leave the caller deaf as well.
  auto executor = co_await asio::this_coro::executor;
  auto apart = asio::co_spawn(executor, std::move(op),
                              asio::bind_cancellation_slot(asio::cancellation_slot(), asio::use_awaitable));
  std::exception_ptr failure;
  try {
    co_await std::move(apart);
  } catch (...) {
    failure = std::current_exception();
  }
  co_return failure;
}

}  // namespace detail

namespace {
/// What may return instead of throwing when it is cancelled is followed by this.
Task<void> throw_if_we_are_cancelled() {
  const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
  const bool throws = co_await asio::this_coro::throw_if_cancelled();
  if (throws && state.cancelled() != asio::cancellation_type::none)
    throw boost::system::system_error(asio::error::operation_aborted);
}
}  // namespace

Task<bool> run_until(Clock& clock, Task<void> op, Instant until) {
  const int winner = co_await race(std::move(op), clock.sleep_until_or_cancelled(until));
  if (winner == 0) co_return true;
  co_await throw_if_we_are_cancelled();
  co_return false;
}

Task<bool> wait_until(Clock& clock, Event& event, Instant until) {
  const int winner = co_await race(event.wait_or_cancelled(), clock.sleep_until_or_cancelled(until));
  co_await throw_if_we_are_cancelled();
  co_return winner == 0;
}

}  // namespace tanist
