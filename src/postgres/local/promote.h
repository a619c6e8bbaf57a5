#pragma once

#include <cstdint>
#include <string>

#include "postgres/server.h"

namespace tanist::postgres {

struct Context;
class Directory;
class Monitor;
class Postmaster;
class WorkConnection;

/// Making a primary of a standby. A promotion that was given up does not happen later. On the control thread.
class Promotion {
 public:
  Promotion(Context& context, Directory& directory, Postmaster& postmaster, Monitor& monitor,
            WorkConnection& work);

  /// The same as pg_ctl promote: a file, and a signal that makes PostgreSQL look for it.
  Task<Result> promote(Instant deadline);
  /// Waits until the server is out of recovery and writable; false: deadline or it died.
  Task<bool> wait_promoted(Instant deadline);

 private:
  /// Takes away a trigger that may still be created: a standby promotes when it finds one later.
  void withdraw();
  Task<void> remove_trigger(std::uint64_t given_up);
  Task<bool> look_for_end(Instant deadline);

  Context& context_;
  Directory& directory_;
  Postmaster& postmaster_;
  Monitor& monitor_;
  WorkConnection& work_;
  /// Grows with each promotion that is asked for.
  std::uint64_t asked_ = 0;
};

}  // namespace tanist::postgres
