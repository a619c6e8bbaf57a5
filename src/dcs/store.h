#pragma once

#include <expected>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "async/task.h"
#include "config/stores.h"
#include "core/time.h"
#include "dcs/model.h"
#include "dcs/values.h"

namespace tanist::config {
struct Timing;
}  // namespace tanist::config

namespace tanist::dcs {

/// A view could not be had: what was asked, of whom, and what came back.
struct LoadError {
  std::string detail;
};

enum class Read {
  /// The copy kept current by the watch: no request, but only while the watch is alive and caught up.
  watched,
  /// A quorum read sent after this call.
  linearizable,
};

/// That the leader key was mine and its lease alive, from one authority, for an answer to a request sent at
/// `sent_at`.
struct Proof {
  Instant sent_at;
  /// How long the store holds the lease from then on (etcd3: the TTL in the keep-alive's answer).
  Duration valid_for;
  /// Position of the store (as Cluster::revision) at which the key was mine.
  std::int64_t revision = 0;
};

enum class RenewOutcome {
  /// Mine; `proof` holds.
  proven,
  /// Definitely not mine: absent, another's, or my name bound to a foreign session.
  lost,
  /// No proof: no answer, or answers that do not belong together. The lease keeps its old end.
  unproven,
};

struct [[nodiscard]] Renewal {
  RenewOutcome outcome = RenewOutcome::unproven;
  Proof proof{};
  /// With `lost`: there is no leader key at all, so nobody else has it either.
  bool key_absent = false;
  /// The renewal's transaction also wrote the status it carried.
  bool status_written = false;
  std::string detail;
};

/// Who this daemon is to the store.
struct Identity {
  std::string name;
  /// Random, new at every start of the daemon.
  std::string incarnation;
  /// The sessions that earlier incarnations on this data directory recorded, newest first. Keys may still be
  /// bound to any of them: a write of unknown outcome makes the next one use another session.
  std::vector<Session> previous_sessions;
  /// Store::store_id() as they recorded it; empty: whichever store answers first is the store.
  std::string store_id = {};
};

/// The distributed store, as one member sees it. One thread; every call is bounded by its deadline and may be
/// cancelled (a cancelled write has an unknown outcome). The contract suite (tests/contract) says what each
/// promises.
class Store {
 public:
  virtual ~Store() = default;

  /// Opens: connects, reads the topology, authenticates, starts watching. Goes on in the background until
  /// closed; waits and says so while nothing answers (`waiting on etcd`). Returns once the store answered for
  /// the first time. Throws FatalStoreError for what no waiting mends (wrong password).
  virtual Task<void> open(Identity identity) = 0;
  /// Stops watching and ends every request. Nothing is deleted.
  virtual Task<void> close() = 0;

  virtual Task<std::expected<ClusterPtr, LoadError>> load(Read how, Instant deadline) = 0;

  /// The session that keys are bound to now; empty before the first bound write. `on_session` is called with
  /// every new one before the first write that uses it, and its task awaited: it is to be recorded for the
  /// next incarnation.
  virtual Session session() const = 0;
  /// The current session, an older one of this daemon, or one that an earlier incarnation recorded: a key
  /// bound to it is mine. After a write of the leader key with an unknown outcome the next bound write takes
  /// a new session (and the next renewal moves the leader key to it), so that what arrives late finds another
  /// session and changes nothing.
  virtual bool is_mine(const Session& session) const = 0;
  virtual void on_session(std::function<Task<void>(Session)> recorder) = 0;

  /// Which of all stores this is (etcd3: the cluster id), to be recorded with each session; empty: none has
  /// answered yet, or the backend cannot tell. What another store answers (a list of hosts that leads to two,
  /// a node that was made anew) is no answer: never a view, a loss or a proof, as long as this object lives.
  virtual std::string store_id() const { return {}; }
  /// While open() waits: nothing on this host depends on the store that Identity::store_id names any more.
  /// When only another one answers, that one is taken. To be called only when no PostgreSQL runs here: the
  /// others may go on in the store that is given up.
  virtual void take_any_store() {}

  /// `ttl`: lease length for what is bound from now on (the keys are moved by the next writes). The rest: how
  /// long what the store does of its own accord may take, and when a connection that is silent is given up.
  virtual void set_timing(const config::Timing& timing) = 0;
  /// How long this store holds a lease that begins now; for a lease whose proof is still missing. What a
  /// proof says counts, never this.
  virtual Duration lease_length() const = 0;

  /// Keeps this member's session alive without touching the leader key (what a replica does each loop_wait).
  virtual Task<WriteResult> keep_session(Instant deadline) = 0;

  /// Creates the leader key if it is absent and the conditions hold. `done` carries a proof.
  struct [[nodiscard]] Acquired {
    Outcome outcome = Outcome::unavailable;
    Proof proof{};
    std::string detail;
  };
  virtual Task<Acquired> acquire(AcquireConditions conditions, Instant deadline) = 0;

  /// Proves that the leader key is mine and its lease alive, and prolongs the lease; never creates or moves a
  /// key to another name. A key that a previous incarnation's session holds is moved to the current session
  /// here. `status` is written in the same transaction.
  virtual Task<Renewal> renew(std::optional<Status> status, Instant deadline) = 0;

  /// Writes the last status (when given) and deletes the leader key if VALUE and session are mine. `refused`:
  /// it was not mine (any more). Whoever calls it has stopped renewing first.
  virtual Task<WriteResult> release(std::optional<Status> last_status, Instant deadline) = 0;

  /// Writes this member's value, bound to its session; `done` without a request when unchanged and still
  /// bound.
  virtual Task<WriteResult> touch_member(Document value, Instant deadline) = 0;
  /// Deletes this member's key (a clean end).
  virtual Task<WriteResult> remove_member(Instant deadline) = 0;

  virtual Task<WriteResult> write(Record record, Condition condition, Instant deadline) = 0;
  /// Deletes /sync.
  virtual Task<WriteResult> delete_sync(Condition condition, Instant deadline) = 0;

  /// The race for a bootstrap: creates an empty /initialize (or takes over the abandoned one of version
  /// `take_over`) with the bootstrap note bound to my session.
  virtual Task<WriteResult> begin_bootstrap(std::optional<Version> take_over, Instant deadline) = 0;
  /// Stores the result if the note is still mine: /initialize, /config, the leader key, and removes the note.
  virtual Task<Acquired> finish_bootstrap(BootstrapResult result, Instant deadline) = 0;
  /// Deletes /initialize and the note, if the note is mine.
  virtual Task<WriteResult> cancel_bootstrap(Instant deadline) = 0;

  /// Called (on the store's thread) whenever the watched copy changed: `leader_changed` when the leader key
  /// was created, deleted or names another; a change of one's own member key or of other members' keys does
  /// not count as `wakes` (dcs.md §3).
  struct Change {
    bool leader_changed = false;
    bool wakes = false;
  };
  virtual void on_change(std::function<void(Change)> listener) = 0;
  /// The watched copy as it is now, for looking at the leader key the moment it changed; nullptr when the
  /// watch is not caught up.
  virtual ClusterPtr watched() const = 0;

  /// New local settings: what may change while the daemon runs is used from the next login on; files with
  /// certificates are read anew, in the background, for the next connections.
  virtual void reload(const config::StoreOptions&) {}
};

/// What no waiting mends; ends the daemon with exit code 1.
class FatalStoreError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace tanist::dcs
