#pragma once

#include <list>
#include <memory>

#include "async/task.h"

namespace tanist {

/// Wakes coroutines of one thread. It stays set until clear(): whoever waits in a loop clears it right before
/// it looks at what it was woken for, so that no wake-up is lost, also when its wait lost a race.
class Event {
 public:
  Event();
  ~Event();
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  /// Wakes every waiter; a later wait() returns at once until clear().
  void set();
  void clear();
  bool is_set() const;
  /// Returns when (or if already) set; throws operation_aborted when cancelled.
  Task<void> wait();
  /// For wait_until, which drops one of these often: returns when it is cancelled.
  Task<void> wait_or_cancelled();

 private:
  struct State;
  struct Initiation;
  std::unique_ptr<State> state_;
};

}  // namespace tanist
