#pragma once

#include <functional>
#include <optional>
#include <string>

#include "config/settings.h"
#include "postgres/server.h"

namespace tanist::postgres {

struct ClonePlace;
struct Context;
class Clone;
class ControlFile;
class Directory;
class Programs;

/// Making a replica: pg_basebackup, and methods of the user (postgres.md §22). Keeps nothing itself. On the
/// control thread.
class ReplicaMethods {
 public:
  ReplicaMethods(Context& context, Programs& programs, Directory& directory, ControlFile& control_file,
                 Clone& clone);

  /// By the configured methods, the first that succeeds.
  Task<Result> create(ReplicaRequest request, std::function<void(Progress)> progress, Instant deadline);

 private:
  Task<Result> base_backup(ReplicaRequest request, std::function<void(Progress)> progress, Instant deadline);
  Task<Result> run_basebackup(ClonePlace place, Upstream source, std::function<void(Progress)> progress,
                              Instant deadline);
  Task<Result> custom_method(std::string name, ReplicaRequest request, Instant deadline);
  Task<Result> run_custom_method(std::string name, config::ReplicaMethod method,
                                 std::optional<Upstream> source, Instant deadline);
  /// Told with a rate to `progress`, to the listener, and now and then in the log.
  std::function<void(Progress)> report(std::string what, std::function<void(Progress)> progress);

  Context& context_;
  Programs& programs_;
  Directory& directory_;
  ControlFile& control_file_;
  Clone& clone_;
};

}  // namespace tanist::postgres
