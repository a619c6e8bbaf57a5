#pragma once

#include <memory>
#include <string>

#include "async/event.h"
#include "async/task.h"

namespace tanist {

/// One background coroutine of a TaskScope.
class TaskHandle {
 public:
  TaskHandle() = default;
  bool running() const;
  /// Asks it to stop: its current wait throws operation_aborted. Does nothing when it has ended.
  void cancel();
  /// Returns when it has ended.
  Task<void> join();

 private:
  friend class TaskScope;
  struct State;
  explicit TaskHandle(std::shared_ptr<State> state) : state_(std::move(state)) {}
  std::shared_ptr<State> state_;
};

/// Owns background coroutines: the answer to "how does this stop?". Bare co_spawn is banned elsewhere.
/// Lives on one thread; must be closed (and the close awaited) before what the coroutines refer to goes away.
class TaskScope {
 public:
  explicit TaskScope(Executor executor);
  ~TaskScope();
  TaskScope(const TaskScope&) = delete;
  TaskScope& operator=(const TaskScope&) = delete;

  /// Starts `task`. An exception other than cancellation that leaves it is a bug: it is logged with `name`
  /// and the process ends (std::terminate).
  TaskHandle spawn(std::string name, Task<void> task);
  /// Cancels everything and waits for it to end. No spawn afterwards.
  Task<void> close();
  /// close() was called: nothing may be spawned any more.
  bool closed() const;
  const Executor& executor() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace tanist
