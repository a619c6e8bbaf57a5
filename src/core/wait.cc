#include "core/wait.h"

#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>

namespace tanist {

namespace asio = boost::asio;

Task<int> race(Task<void> a, Task<void> b) {
  using namespace asio::experimental::awaitable_operators;
  auto both = std::move(a) || std::move(b);
  auto winner = co_await std::move(both);
  co_return static_cast<int>(winner.index());
}

Task<bool> run_until(Clock& clock, Task<void> op, Instant until) {
  auto raced = race(std::move(op), clock.sleep_until(until));
  const int winner = co_await std::move(raced);
  co_return winner == 0;
}

Task<void> shield_from_cancellation() {
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
}

Task<void> accept_cancellation() {
  co_await asio::this_coro::reset_cancellation_state(asio::enable_terminal_cancellation());
}

}  // namespace tanist
