#pragma once

#include <cstdint>
#include <optional>

#include "async/task_scope.h"
#include "postgres/server.h"
#include "process/proc.h"

namespace tanist::postgres {

struct Context;
class Postmaster;
class Programs;
class WorkConnection;

/// What keeps a standby fed: its WAL receiver is watched, its startup process woken, and a replay that paused
/// because the primary has grown is resumed. On the control thread.
class Standby {
 public:
  Standby(Context& context, Programs& programs, Postmaster& postmaster, WorkConnection& work);

  /// An answer of the server came in. `may_resume`: a replay that is paused may be resumed.
  void take(const Probe& probe, bool may_resume);
  /// One that waits before it connects to its upstream again does so at once.
  void look_for_wal();

 private:
  Task<void> watch_receiver(int pid);
  Task<void> wake_startup_process(std::uint64_t generation);
  Task<void> resume_replay();

  Context& context_;
  Programs& programs_;
  Postmaster& postmaster_;
  WorkConnection& work_;
  int receiver_watched_ = 0;
  TaskHandle receiver_watch_;
  /// As found out last: whom look_for_wal() wakes.
  std::optional<process::Identity> startup_;
  bool waking_ = false;
  Instant replay_looked_at_{};
};

}  // namespace tanist::postgres
