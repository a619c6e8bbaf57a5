#pragma once

#include <expected>
#include <string>
#include <vector>

#include "postgres/server.h"

namespace tanist::postgres {

struct Context;
class Directory;
class Programs;

/// Logical slots of the leader, as files (replication.md §8): the server that has them never notices. On the
/// control thread, the files on the disk thread.
class SlotCopies {
 public:
  SlotCopies(Context& context, Programs& programs, Directory& directory)
      : context_(context), programs_(programs), directory_(directory) {}

  Task<std::expected<std::vector<SlotCopy>, Failure>> fetch(Upstream leader, std::vector<WantedSlot> slots,
                                                            Instant deadline);
  Task<Result> write(std::vector<SlotCopy> slots, Instant deadline);

 private:
  /// Why a server with more logical slots would not start, or not keep them; empty: it would.
  std::string why_not(std::size_t more) const;

  Context& context_;
  Programs& programs_;
  Directory& directory_;
};

}  // namespace tanist::postgres
