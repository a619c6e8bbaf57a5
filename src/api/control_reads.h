#pragma once

#include <array>
#include <memory>

#include "async/clock.h"
#include "async/event.h"
#include "async/task.h"
#include "ha/mailbox.h"

namespace tanist::api {

/// Of each kind at once.
inline constexpr std::size_t kMaxConcurrentLoads = 8;

/// What is read through the control thread, so that many clients cost it no more than few. Lives on the api
/// thread.
class ControlReads {
 public:
  /// Both must outlive this.
  ControlReads(ha::Mailbox& mailbox, Clock& clock) : mailbox_(mailbox), clock_(clock) {}

  /// Returns when control has looked at PostgreSQL, or at the deadline. Whoever asks meanwhile shares the
  /// look.
  Task<void> refresh(Duration max_age, Instant deadline);

  /// Who a read of the store is for.
  enum class Asker {
    /// Anybody.
    open,
    /// Whom Admission let through.
    admitted,
  };
  /// A linearizable read of the store; at most kMaxConcurrentLoads at once of either kind, so that what
  /// anybody may ask keeps nobody from changing something. The error says why it could not be had.
  Task<ha::order::ReadCluster::Answer> cluster(Asker asker, Instant deadline);

 private:
  ha::Mailbox& mailbox_;
  Clock& clock_;
  /// Set when the look that is under way has ended; nullptr: none is.
  std::shared_ptr<Event> refreshing_;
  /// By Asker.
  std::array<std::size_t, 2> loading_{};
};

}  // namespace tanist::api
