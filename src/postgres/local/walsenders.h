#pragma once

#include <map>

#include "async/task_scope.h"
#include "postgres/server.h"

namespace tanist::postgres {

struct Context;

/// The processes that send WAL to the standbys that commits wait for: where one ends, commits may hang, and
/// the listener is told the moment it happens. On the control thread.
class WalSenders {
 public:
  explicit WalSenders(Context& context) : context_(context) {}

  /// An answer of the server came in.
  void take(const Probe& probe);

 private:
  Task<void> watch(int pid);

  Context& context_;
  std::map<int, TaskHandle> watched_;
};

}  // namespace tanist::postgres
