#include "process/signals.h"

#include <signal.h>

#include <boost/asio/signal_set.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace tanist::process {

struct Signals::State {
  explicit State(Executor executor) : set(std::move(executor)) {}
  boost::asio::signal_set set;
};

Signals::Signals(Executor executor, std::initializer_list<int> numbers)
    : state_(std::make_unique<State>(std::move(executor))) {
  for (const int number : numbers) state_->set.add(number);
}

Signals::~Signals() = default;

Task<int> Signals::next() {
  auto wait = state_->set.async_wait(boost::asio::use_awaitable);
  const int number = co_await std::move(wait);
  co_return number;
}

void ignore_sigpipe() {
  ::signal(SIGPIPE, SIG_IGN);
}

}  // namespace tanist::process
