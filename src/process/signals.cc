#include "process/signals.h"

#include <signal.h>

#include <boost/asio/signal_set.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace tanist::process {

struct Signals::State {
  explicit State(const Executor& executor) : set(executor) {}
  boost::asio::signal_set set;
};

Signals::Signals(Executor executor, std::initializer_list<int> numbers)
    : state_(std::make_unique<State>(executor)) {
  for (const int number : numbers) state_->set.add(number);
}

Signals::~Signals() = default;

Task<int> Signals::next() {
  const int number = co_await state_->set.async_wait(boost::asio::use_awaitable);
  co_return number;
}

struct HeldSignals::State {
  sigset_t before{};
};

HeldSignals::HeldSignals(std::initializer_list<int> numbers) : state_(std::make_unique<State>()) {
  sigset_t held;
  ::sigemptyset(&held);
  for (const int number : numbers) ::sigaddset(&held, number);
  ::pthread_sigmask(SIG_BLOCK, &held, &state_->before);
}

HeldSignals::~HeldSignals() {
  release();
}

void HeldSignals::release() {
  if (state_) ::pthread_sigmask(SIG_SETMASK, &state_->before, nullptr);
  state_.reset();
}

void ignore_sigpipe() {
  ::signal(SIGPIPE, SIG_IGN);
}

}  // namespace tanist::process
