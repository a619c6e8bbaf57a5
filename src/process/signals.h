#pragma once

#include <initializer_list>
#include <memory>

#include "async/task.h"

namespace tanist::process {

/// Signals of this process as something to wait for. While it exists they do nothing else.
class Signals {
 public:
  Signals(Executor executor, std::initializer_list<int> numbers);
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  /// The next signal that came (also one that came before the call).
  Task<int> next();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Keeps signals back until release() or the end of its life; then those that came meanwhile arrive. For the
/// time before somebody waits for them.
class HeldSignals {
 public:
  HeldSignals(std::initializer_list<int> numbers);
  ~HeldSignals();
  HeldSignals(const HeldSignals&) = delete;
  HeldSignals& operator=(const HeldSignals&) = delete;
  void release();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// SIGPIPE would end the daemon when a peer closes a connection that is written to.
void ignore_sigpipe();

}  // namespace tanist::process
