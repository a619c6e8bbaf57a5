#pragma once

#include <string>

#include "postgres/server.h"

namespace tanist::postgres {

struct Context;
class Apply;
class Configuration;
class ControlFile;
class Monitor;
class Postmaster;

/// Who is let into a primary that recovers from a crash while commits wait for standbys: what it recovers may
/// include commits that no standby has and nobody was told of, and whoever sees those may act on what a
/// failover then takes back. So ordinary clients are kept out (by lines of pg_hba.conf) until the standbys
/// that commits wait for have all that was recovered, nobody is waited for any more, or
/// `tanist.crash_hold_timeout` is over (replication.md §14). A file of the user's is set aside and put back
/// as it was. On the control thread.
class Admission {
 public:
  Admission(Context& context, ControlFile& control_file, Postmaster& postmaster, Configuration& configuration,
            Monitor& monitor, Apply& apply);

  /// Before the files of a start are written: a file that was set aside is put back, and where `request`
  /// starts a primary after a crash, clients are shut out. Where they cannot be, the log says why, and they
  /// are let in.
  Task<Result> prepare(const StartRequest& request, Instant deadline);
  /// It was launched.
  void begin();
  /// A server that was found running: whoever an earlier daemon kept out is let in. Also what is set aside
  /// while nothing runs is put back.
  Task<Result> clear(Instant deadline);
  /// The daemon ends and leaves a server running.
  Task<void> close(Instant deadline);

 private:
  bool has_to_wait(const StartRequest& request) const;
  Task<Result> shut_out(Instant deadline);
  Task<void> watch(std::uint64_t generation);
  /// Why they are let in now; empty: not yet.
  std::string reason_to_open(Lsn recovered, Instant until) const;
  Task<Result> open(Instant deadline);
  /// True: a file had been set aside.
  Task<std::expected<bool, Failure>> put_back(Instant deadline);
  std::string rules_file() const;
  std::string set_aside() const;

  Context& context_;
  ControlFile& control_file_;
  Postmaster& postmaster_;
  Configuration& configuration_;
  Monitor& monitor_;
  Apply& apply_;
};

}  // namespace tanist::postgres
