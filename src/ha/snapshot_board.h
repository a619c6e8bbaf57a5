#pragma once

#include <list>
#include <mutex>
#include <utility>

#include "async/remote_event.h"
#include "async/task.h"
#include "ha/model/snapshot.h"

namespace tanist::ha {

/// Where the current snapshot stands: a mutex and a shared_ptr (faster here than an atomic one, and clean
/// under TSan). Control publishes; any thread reads and may wait for the next one.
class SnapshotBoard {
 public:
  SnapshotPtr get() const {
    std::lock_guard lock(mutex_);
    return current_;
  }

  void publish(SnapshotPtr next) {
    std::lock_guard lock(mutex_);
    current_ = std::move(next);
    for (const auto& waiter : waiting_) waiter.set();
  }

  /// Returns the current snapshot as soon as it is another than `seen`; some that were published in between
  /// may be left out. Waits for ever where nothing is published: bound it with a deadline.
  Task<SnapshotPtr> changed(SnapshotPtr seen) {
    RemoteEvent published(co_await boost::asio::this_coro::executor);
    const Waiting waiting(*this, published.setter());
    // Set before the wait began, it returns at once.
    if (SnapshotPtr current = get(); current != seen) co_return current;
    co_await published.wait();
    co_return get();
  }

 private:
  /// A place among those who are told.
  class Waiting {
   public:
    Waiting(SnapshotBoard& board, RemoteEvent::Setter setter) : board_(board) {
      std::lock_guard lock(board_.mutex_);
      place_ = board_.waiting_.insert(board_.waiting_.end(), std::move(setter));
    }
    ~Waiting() {
      std::lock_guard lock(board_.mutex_);
      board_.waiting_.erase(place_);
    }
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;

   private:
    SnapshotBoard& board_;
    std::list<RemoteEvent::Setter>::iterator place_;
  };

  mutable std::mutex mutex_;
  SnapshotPtr current_;
  std::list<RemoteEvent::Setter> waiting_;
};

}  // namespace tanist::ha
