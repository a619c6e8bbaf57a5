#pragma once

#include <memory>

#include "async/task.h"

namespace tanist {

/// An Event that another thread sets. Made, awaited and destroyed on the waiting thread, whose loop outlives
/// it; its setters may be used on any thread, also after it is gone: then they do nothing.
class RemoteEvent {
  struct State;

 public:
  explicit RemoteEvent(Executor waiting);
  ~RemoteEvent();
  RemoteEvent(const RemoteEvent&) = delete;
  RemoteEvent& operator=(const RemoteEvent&) = delete;

  /// Returns when it was set; throws operation_aborted when cancelled.
  Task<void> wait();

  class Setter {
   public:
    /// Of nobody: sets nothing.
    Setter() = default;
    /// Never resumes the waiter inline.
    void set() const;

   private:
    friend class RemoteEvent;
    explicit Setter(std::shared_ptr<State> state) : state_(std::move(state)) {}
    std::shared_ptr<State> state_;
  };
  Setter setter() const { return Setter(state_); }

 private:
  std::shared_ptr<State> state_;
};

}  // namespace tanist
