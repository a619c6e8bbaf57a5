#include "async/remote_event.h"

#include <boost/asio/post.hpp>
#include <mutex>

#include "async/event.h"

/// What lets one thread wake a coroutine of another.
namespace tanist {

struct RemoteEvent::State {
  explicit State(Executor waiting) : executor(std::move(waiting)) {}

  /// Held while posting, so that nothing is posted to a loop that may be gone.
  std::mutex mutex;
  bool over = false;
  Executor executor;
  /// Of the waiting thread.
  Event event;
};

RemoteEvent::RemoteEvent(Executor waiting) : state_(std::make_shared<State>(std::move(waiting))) {}

RemoteEvent::~RemoteEvent() {
  std::lock_guard lock(state_->mutex);
  state_->over = true;
}

Task<void> RemoteEvent::wait() {
  return state_->event.wait();
}

void RemoteEvent::Setter::set() const {
  if (!state_) return;
  std::lock_guard lock(state_->mutex);
  if (state_->over) return;
  boost::asio::post(state_->executor, [state = state_] { state->event.set(); });
}

}  // namespace tanist
