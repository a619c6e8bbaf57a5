#pragma once

#include <array>
#include <expected>
#include <memory>
#include <string>

#include "api/control_port.h"
#include "async/clock.h"
#include "async/task.h"

namespace tanist::api {

/// The api thread's side of ControlPort: asks control and awaits the answer, never longer than the deadline.
class ControlLink {
 public:
  /// `io` is the api thread's executor; answers of control are posted to it.
  ControlLink(Executor io, Clock& clock, ControlPort port);

  using ReadResult = std::expected<dcs::ClusterPtr, std::string>;

  /// Returns when control has looked at PostgreSQL, or at the deadline. Whoever asks meanwhile shares the
  /// look.
  Task<void> refresh(Duration max_age, Instant deadline);
  bool can_refresh() const { return static_cast<bool>(port_.refresh); }
  /// Who a read of the store is for.
  enum class Asker {
    /// Anybody.
    open,
    /// Whom Admission let through.
    admitted,
  };
  /// A linearizable read of the store; at most kMaxConcurrentLoads at once of either kind, so that what
  /// anybody may ask keeps nobody from changing something.
  Task<ReadResult> load(Asker asker, Instant deadline);
  /// `unknown` when control does not answer in time: the write may still happen.
  Task<dcs::WriteResult> write(dcs::Record record, dcs::Condition condition, Instant deadline);
  /// Refused when the daemon has not started yet; `still_starting` when control does not answer in time.
  Task<ha::RestartAnswer> restart(ha::RestartOrder order, Instant deadline);
  /// False: the daemon has not started yet.
  bool reload();

 private:
  struct Refreshing;

  Executor io_;
  Clock& clock_;
  ControlPort port_;
  /// The refresh under way, shared by all who wait for one.
  std::shared_ptr<Refreshing> refreshing_;
  /// By Asker.
  std::array<std::size_t, 2> loading_{};
};

}  // namespace tanist::api
