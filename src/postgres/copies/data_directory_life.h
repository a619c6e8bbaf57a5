#pragma once

#include <expected>
#include <string>

#include "postgres/server.h"

namespace tanist::postgres {

struct Context;
class Configuration;
class Directory;
class Postmaster;

/// The data directory as a whole: begun anew, named, removed, put aside. On the control thread.
class DataDirectoryLife {
 public:
  DataDirectoryLife(Context& context, Directory& directory, Postmaster& postmaster,
                    Configuration& configuration);

  /// Before something fills the directory, which must be empty: whatever was wrong with an earlier one is
  /// forgotten. `what` begins the failure.
  Task<Result> begin_new(std::string what, Instant deadline);
  /// Which directory, cluster and server are there now. `make`: an empty directory is made where there is
  /// none.
  Task<std::expected<ClusterIdentity, Failure>> identify(bool make, Instant deadline);
  /// With its tablespaces and linked WAL; `why` is logged.
  Task<Result> remove(std::string why, Instant begin_by, Instant deadline);
  /// Only what a bootstrap of this daemon made and put there before gives way.
  Task<Result> rename(Instant deadline);

 private:
  /// `failed_bootstrap`: it may give way to a later one.
  Task<Result> put_aside(bool failed_bootstrap, Instant deadline);

  Context& context_;
  Directory& directory_;
  Postmaster& postmaster_;
  Configuration& configuration_;
  /// What is in the data directory was begun by this daemon, in an empty one.
  bool begun_ = false;
};

}  // namespace tanist::postgres
