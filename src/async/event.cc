#include "async/event.h"

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/append.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace tanist {

namespace asio = boost::asio;
using Handler = asio::any_completion_handler<void(boost::system::error_code)>;

namespace {
struct Waiter {
  Executor executor;
  Handler handler;
};

/// Never resumes inline: whoever calls set() goes on first.
void complete(Waiter waiter, boost::system::error_code ec) {
  asio::get_associated_cancellation_slot(waiter.handler).clear();
  asio::post(waiter.executor, asio::append(std::move(waiter.handler), ec));
}
}  // namespace

struct Event::State {
  bool set = false;
  std::list<Waiter> waiting;
};

struct Event::Initiation {
  State* state;
  Executor executor;
  void operator()(Handler handler) const {
    if (state->set) return complete({executor, std::move(handler)}, {});
    auto slot = asio::get_associated_cancellation_slot(handler);
    auto place = state->waiting.insert(state->waiting.end(), Waiter{executor, std::move(handler)});
    if (slot.is_connected()) {
      slot.assign([state = state, place](asio::cancellation_type) {
        Waiter gone = std::move(*place);
        state->waiting.erase(place);
        complete(std::move(gone), asio::error::operation_aborted);
      });
    }
  }
};

Event::Event() : state_(std::make_unique<State>()) {}
Event::~Event() = default;

void Event::set() {
  state_->set = true;
  auto woken = std::move(state_->waiting);
  state_->waiting.clear();
  for (auto& waiter : woken) complete(std::move(waiter), {});
}

void Event::clear() {
  state_->set = false;
}
bool Event::is_set() const {
  return state_->set;
}

Task<void> Event::wait() {
  auto executor = co_await asio::this_coro::executor;
  Initiation initiation{state_.get(), executor};
  auto wait = asio::async_initiate<const asio::use_awaitable_t<>&, void(boost::system::error_code)>(
      std::move(initiation), asio::use_awaitable);
  co_await std::move(wait);
}

Task<void> Event::wait_or_cancelled() {
  auto executor = co_await asio::this_coro::executor;
  Initiation initiation{state_.get(), executor};
  constexpr auto kAsTuple = asio::as_tuple(asio::use_awaitable);
  auto wait = asio::async_initiate<const decltype(kAsTuple)&, void(boost::system::error_code)>(
      std::move(initiation), kAsTuple);
  co_await std::move(wait);
}

}  // namespace tanist
