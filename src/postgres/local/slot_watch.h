#pragma once

#include "core/time.h"
#include "postgres/types.h"

namespace tanist::postgres {

struct Context;

/// Tells of replication slots that hold back more WAL than is good (replication.md §7): in the facts with
/// each answer of the server, and in the log when that begins, changes or ends, and now and then while it
/// lasts. On the control thread.
class SlotWatch {
 public:
  explicit SlotWatch(Context& context) : context_(context) {}

  /// An answer of the server came in.
  void take(const Probe& probe);
  /// It runs no more.
  void take_end();

 private:
  void tell(const std::vector<SlotRisk>& before, const std::vector<SlotRisk>& now);

  Context& context_;
  /// When those that are still at risk were told of last.
  Instant told_{};
};

}  // namespace tanist::postgres
