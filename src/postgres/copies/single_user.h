#pragma once

#include "postgres/server.h"

namespace tanist::postgres {

struct Context;
class Archive;
class ControlFile;
class Directory;
class Programs;

/// Crash recovery by a server of one process, before WAL is compared or rewound (postgres.md §25). Keeps
/// nothing itself. On the control thread.
class CrashRecovery {
 public:
  CrashRecovery(Context& context, Programs& programs, Directory& directory, ControlFile& control_file,
                Archive& archive);

  Task<Result> recover(Instant deadline);

 private:
  Context& context_;
  Programs& programs_;
  Directory& directory_;
  ControlFile& control_file_;
  Archive& archive_;
};

}  // namespace tanist::postgres
