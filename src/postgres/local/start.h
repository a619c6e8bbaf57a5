#pragma once

#include "postgres/server.h"
#include "process/child.h"

namespace tanist::postgres {

struct Context;
class Admission;
class Configuration;
class Directory;
class Postmaster;
class Programs;

/// From a stopped server to a running postmaster. Keeps nothing itself. On the control thread.
class Start {
 public:
  Start(Context& context, Programs& programs, Directory& directory, Postmaster& postmaster,
        Configuration& configuration, Admission& admission);

  /// Refuses where something runs or works in the data directory, or where it is not whole; writes the
  /// configuration; returns when the pid is known.
  Task<Result> start(StartRequest request, Instant deadline);

 private:
  /// Why nothing may start there; ok: nothing speaks against it.
  Result may_start() const;
  Task<Result> prepare(Instant deadline);
  process::Environment environment() const;

  Context& context_;
  Programs& programs_;
  Directory& directory_;
  Postmaster& postmaster_;
  Configuration& configuration_;
  Admission& admission_;
};

}  // namespace tanist::postgres
