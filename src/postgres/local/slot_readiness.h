#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "postgres/server.h"

namespace tanist::postgres {

struct Context;

/// Whether a transaction comes before another, or is the same; they are counted in a circle.
bool precedes_or_is(std::uint64_t a, std::uint64_t b);

/// Which logical slots of a standby cannot be relied on yet after a failover (replication.md §9): all that
/// were there when it was started, until the primary is known to have kept what they need. Tells it in the
/// facts. On the control thread.
class SlotReadiness {
 public:
  explicit SlotReadiness(Context& context) : context_(context) {}

  /// The monitor has seen the server.
  void take_probe();
  /// Nobody waits for those.
  void forget(const std::vector<config::SlotMatcher>& ignored);
  /// Asks the leader, where some are not ready; `own_slot`: through which WAL comes from there.
  Task<void> check(Upstream leader, std::string own_slot, Instant deadline);
  /// A promotion goes on all the same.
  void tell_before_promotion();

 private:
  void publish();
  Task<void> tell_missing_feedback(Instant deadline);

  Context& context_;
  /// Of the postmaster that runs.
  std::uint64_t generation_ = 0;
  /// By name: what vacuum of the primary left for the slot there, when it was first told.
  std::map<std::string, std::optional<std::uint64_t>> waiting_;
  std::optional<Instant> missing_told_;
};

}  // namespace tanist::postgres
