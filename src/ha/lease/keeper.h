#pragma once

#include <functional>
#include <optional>
#include <string>

#include "async/event.h"
#include "async/task_scope.h"
#include "ha/model/decision.h"
#include "ha/model/lease.h"
#include "ha/ports.h"

namespace tanist::ha {

/// Renews the leader key under the mandate of the last decision, asks the other members to let it lead on
/// where the store proves nothing (failsafe mode), and acts at the lease's deadlines when no new proof has
/// come. All go on whatever the start, the cycle or an operation waits for: from the first
/// moment of the process to its last, whatever may write has a deadline.
class LeaseKeeper {
 public:
  struct Hooks {
    /// Whether the local server may accept writes now, or is about to (a promotion, a start as primary).
    std::function<bool()> may_write;
    /// The lease ended or was lost: publish and decide at once.
    std::function<void()> changed;
    /// A proof came in: the lease ends later now. May be empty.
    std::function<void()> proven = {};
    /// The server becomes a primary: it looks like a standby to others, who may lead sooner than a key is
    /// taken back. May be empty: never.
    std::function<bool()> promoting = {};
  };

  LeaseKeeper(Ports ports, TaskScope& scope, Hooks hooks);

  /// Starts its duties; they end with the scope.
  void start(config::Timing timing);
  void set_timing(config::Timing timing);

  const Lease& lease() const { return lease_; }
  LeaseDeadlines deadlines() const { return lease_deadlines(lease_); }
  /// When what may write now is killed: at the end of the lease, or of what was noted of an earlier one;
  /// nullopt: there is neither.
  std::optional<Instant> kill_at() const;
  /// Since when renewals bring no proof; nullopt: the last one did, or none is due.
  std::optional<Instant> failing_since() const { return failing_since_; }
  const std::string& failing_why() const { return failing_why_; }
  /// What was left of the lease when it was renewed, at its smallest since the start; zero: it ended once.
  /// nullopt: it was never renewed.
  std::optional<Duration> smallest_margin() const { return smallest_margin_; }
  /// When the last proof came in.
  Instant proven_at() const { return lease_.proven_at; }

  /// The decision's word: renew or not, and with which status.
  void mandate(Mandate mandate, std::optional<dcs::Status> status);
  /// The leader key was won with this proof.
  void won(const dcs::Proof& proof);
  /// An earlier daemon may have left a server running that writes. Until a proof comes in, or found_settled()
  /// says that there is none, it is stopped and killed at these instants, and looked for again after them.
  void guard_found(LeaseDeadlines at);
  /// The same, but no later than was said before: what was told to stop already is killed when it was to be.
  void hurry_found(LeaseDeadlines at);
  void found_settled();
  /// It is certainly not mine any more. Another's: whatever may write is stopped at once, in immediate mode.
  /// Absent: nobody has it yet, and the next decision may take it back; what may write is stopped unless that
  /// happens soon, or all who could take it have promised not to.
  void lost(const std::string& why, bool key_absent);
  /// The watched copy, which is never older than the last proof, shows that it is not mine.
  void seen_lost(const std::string& why, bool key_absent);
  /// Stops renewing and waits for the request under way, so that nothing late can undo a release; the lease
  /// is zero afterwards.
  Task<void> give_up();
  /// Asks for a proof now, outside the rhythm (after a write of unknown outcome was resolved); true: proven.
  Task<bool> prove();
  /// In pause nothing is stopped at the deadlines.
  void set_paused(bool paused) { paused_ = paused; }
  bool paused() const { return paused_; }

 private:
  Task<void> renew_forever();
  Task<void> ask_members_forever();
  Task<void> ask_members(FailsafeTerms terms);
  bool failsafe_wanted() const;
  Task<void> watch_deadlines();
  Task<void> await_take_back();
  Task<void> end_lease();
  void stop_at_once();
  std::optional<LeaseDeadlines> guarded() const;
  RenewalRhythm rhythm() const;
  Task<void> renew_once(bool asked);
  Task<void> no_request();
  void forget_status();
  Instant next_renewal() const;
  void accept(const dcs::Proof& proof);
  void note_longer_lease(Duration valid_for);
  void note_margin(Duration left);

  Ports ports_;
  TaskScope& scope_;
  Hooks hooks_;
  config::Timing timing_;
  Lease lease_;
  Duration longer_told_{};
  Mandate mandate_;
  std::optional<dcs::Status> status_;
  bool status_pending_ = false;
  /// A status was sent in this leadership.
  bool status_sent_ = false;
  bool renewing_ = false;
  /// Grows when the lease is given up or lost: answers to requests sent before are void.
  std::uint64_t epoch_ = 0;
  Event renewed_;   // set when no renewal is under way
  Event due_;       // mandate or lease changed: look again when to renew
  Event deadline_;  // lease changed: look again at the deadlines
  Event asking_;    // mandate, lease or its proofs changed: look again whether to ask the members
  Instant next_question_{};
  /// What kept the members from agreeing, as it was told last; empty: they agree.
  std::string disagreed_;
  /// Of a server that an earlier daemon may have left running, or that is stopped because the key is lost.
  std::optional<LeaseDeadlines> found_;
  /// The key vanished: when what may write is stopped, unless it is won again before.
  std::optional<Instant> take_back_until_;
  Instant last_sent_{};
  std::optional<Instant> failing_since_;
  std::string failing_why_;
  std::optional<Duration> smallest_margin_;
  bool paused_ = false;
};

}  // namespace tanist::ha
