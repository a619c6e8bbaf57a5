#pragma once

#include <array>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "async/event.h"
#include "async/task_scope.h"
#include "ha/lease/keeper.h"
#include "ha/model/decision.h"
#include "ha/model/tallies.h"
#include "ha/ports.h"

namespace tanist::ha {

/// What an operation may do to the member besides the ports: words, publication, the key.
class OperationHost {
 public:
  virtual ~OperationHost() = default;
  virtual config::SettingsPtr settings() const = 0;
  virtual void set_state(postgres::State state) = 0;
  virtual void set_role(postgres::Role role) = 0;
  virtual postgres::Role role() const = 0;
  /// A primary was told to stop just now, or a standby was seen to accept writes: how long nobody wrote in
  /// between is told to who asked for a switchover.
  virtual void writes_ended() = 0;
  virtual void writes_began() = 0;
  virtual void set_progress(std::optional<postgres::Progress> progress) = 0;
  /// Publishes the snapshot, with the role and state set before.
  virtual void publish() = 0;
  /// Something is to be decided: an operation ended, or awaits a verdict.
  virtual void wake() = 0;
  virtual void fire_callback(const std::string& action, postgres::Role role) = 0;
  /// One was fired before in this daemon's life.
  virtual bool callback_fired() const = 0;
  /// A standby whose acknowledgement commits wait for says that it leaves, and waits until nobody counts on
  /// it, or until `deadline`: nothing is lost without that, but time.
  virtual Task<void> leave_sync(Instant) { co_return; }
  /// Publishes first, stops renewing, deletes the leader key; true: certainly not mine any more.
  virtual Task<bool> release_key(std::optional<Lsn> last_lsn) = 0;
  virtual LeaseKeeper& keeper() = 0;
  /// The server was told before, maybe by an earlier daemon, and is no primary yet.
  virtual bool promotion_pending() const = 0;
  /// From here on the server may become writable although it looks like a standby; noted on disk, so that the
  /// next daemon knows it too. The engine sees the end of it.
  virtual Task<void> begin_promotion() = 0;
  /// It was certainly not told.
  virtual void forget_promotion() = 0;
  /// What is noted of the own timeline goes before its WAL does. False: it would speak of what comes instead.
  virtual Task<bool> forget_branch() { co_return true; }
  virtual std::string bootstrap_note_path() const = 0;
};

/// Thrown at the next phase when an operation was pre-empted during a phase that could not be broken.
struct OperationPreempted {};

/// The one operation that runs, and what it says of itself.
class OperationRunner {
 public:
  OperationRunner(Ports ports, OperationHost& host, TaskScope& scope)
      : ports_(ports), host_(host), scope_(scope) {}

  const std::optional<OperationView>& view() const { return view_; }
  const std::optional<OperationResult>& last() const { return last_; }
  bool busy() const { return view_.has_value(); }

  struct Outcome {
    Ending ending = Ending::failed;
    std::string detail;
    bool ok() const { return ending == Ending::done; }
  };
  /// Starts one; there must be none. `body` runs in the scope.
  void start(OperationKind kind, std::string name, Task<Outcome> body,
             DemoteMode mode = DemoteMode::immediate, std::string source = {},
             std::optional<OrderId> order = std::nullopt);
  /// Ends it as far as its phase allows.
  void preempt(const std::string& why);
  /// Answers an operation that awaits a verdict.
  void advance(const intent::Advance& verdict);
  /// Waits until none runs.
  Task<void> join();

  // For the operations themselves.

  /// Begins a phase; throws OperationPreempted when the operation was pre-empted and this phase may be given
  /// up.
  void enter(Phase phase, Cancel cancel, Instant deadline);
  /// Publishes the positions and waits for advance(); false also at the deadline. Asked again by `repeat`
  /// verdicts.
  Task<bool> verdict(Lsn checkpoint_lsn, std::function<bool()> pointless, Instant deadline);
  /// Of the last verdict.
  Instant good_until() const { return verdict_.good_until; }
  void note_released();
  Ports& ports() { return ports_; }
  OperationHost& host() { return host_; }
  Instant now() const { return ports_.clock.now(); }
  bool preempted() const { return preempted_; }
  /// How long the phases of all operations took, by Phase.
  const std::array<Spent, enum_names::count<Phase>()>& phases() const { return phases_; }

 private:
  void end_phase();

  Task<void> run(Task<Outcome> body);

  Ports ports_;
  OperationHost& host_;
  TaskScope& scope_;
  std::optional<OperationView> view_;
  std::optional<OperationResult> last_;
  TaskHandle handle_;
  Event verdict_given_;
  intent::Advance verdict_;
  bool preempted_ = false;
  std::uint64_t serial_ = 0;
  std::array<Spent, enum_names::count<Phase>()> phases_{};
};

/// The operations. Each does and reports; what is chosen is chosen by decide().
namespace operations {

using Outcome = OperationRunner::Outcome;

inline Outcome done() {
  return {Ending::done, {}};
}
inline Outcome failed(std::string detail, Ending how = Ending::failed) {
  return {how, std::move(detail)};
}

Task<Outcome> bootstrap(OperationRunner& run);
/// A copy of another cluster (nullopt: by methods that need none) for the first member of a standby cluster;
/// leaves nothing running.
Task<Outcome> bootstrap_standby_leader(OperationRunner& run, std::optional<postgres::Upstream> source);
/// `standby_leader`: nothing runs that could commit.
Task<Outcome> finish_bootstrap(OperationRunner& run, bool standby_leader = false);
Task<Outcome> cancel_bootstrap(OperationRunner& run);
Task<Outcome> clone(OperationRunner& run, intent::Clone what);
Task<Outcome> start(OperationRunner& run, intent::Start what);
Task<Outcome> crash_recover(OperationRunner& run);
Task<Outcome> rewind(OperationRunner& run, intent::Rewind what);
Task<Outcome> promote(OperationRunner& run);
/// `asks`: somebody has asked for it, and before anything is stopped decide() is asked whether that still
/// holds.
Task<Outcome> demote(OperationRunner& run, DemoteMode mode, bool asks = false);
Task<Outcome> shutdown(OperationRunner& run, bool hurry);
Task<Outcome> restart(OperationRunner& run, intent::Restart what);
Task<Outcome> follow_restart(OperationRunner& run, intent::Follow what);
Task<Outcome> copy_slots(OperationRunner& run, intent::CopySlots what);

}  // namespace operations
}  // namespace tanist::ha
