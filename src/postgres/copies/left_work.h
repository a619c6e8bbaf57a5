#pragma once

#include "postgres/server.h"

namespace tanist::postgres {

struct Context;
class Directory;

/// What nobody waits for any longer: tools of an earlier daemon, or of an attempt that was given up, and what
/// they left in the data directory. Keeps nothing itself. On the control thread.
class LeftWork {
 public:
  LeftWork(Context& context, Directory& directory) : context_(context), directory_(directory) {}

  /// Kills what runs on for this data directory: it would go on writing into the next attempt.
  Task<Result> end_tools(Instant deadline);
  /// At start-up: ends what an earlier daemon was in the middle of, its tools and a clone that is not whole.
  Task<Result> clear(Instant deadline);

 private:
  Task<void> tell_removal();

  Context& context_;
  Directory& directory_;
};

}  // namespace tanist::postgres
