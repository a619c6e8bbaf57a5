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

struct StoreTimes;

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
  /// How long the store holds the lease from then on (etcd3: the TTL in the keep-alive's answer; Consul: half
  /// of ttl, and it may take twice that).
  Duration valid_for;
};

enum class RenewOutcome {
  /// Mine; `proof` holds.
  proven,
  /// Definitely not mine: absent, another's, or my name bound to a foreign claim.
  lost,
  /// No proof: no answer, or answers that do not belong together. The lease keeps its old end.
  unproven,
};

struct [[nodiscard]] Renewal {
  RenewOutcome outcome = RenewOutcome::unproven;
  Proof proof{};
  /// With `lost`: there is no leader key at all, so nobody else has it either.
  bool key_absent = false;
  /// The status that it carried was written, too: in the same transaction, or in a write after it.
  bool status_written = false;
  std::string detail;
};

/// Who this daemon is to the store.
struct Identity {
  std::string name;
  /// Random, new at every start of the daemon.
  std::string incarnation;
  /// The claims that earlier incarnations on this data directory recorded, newest first. Keys may still be
  /// bound to any of them: a write of unknown outcome makes the next one use another claim.
  std::vector<Claim> previous_claims;
  /// Store::store_id() as they recorded it; empty: whichever store answers first is the store.
  std::string store_id = {};
};

/// How stores differ where the suite of the contract and the simulator have to know; nothing that is decided
/// asks for it.
struct StoreTraits {
  /// A proof is good for one of so many parts of ttl: Consul, which may hold a session for twice the length
  /// asked for, is asked for half of ttl.
  int ttl_parts = 1;
  /// Keys are bound to a claim: two daemons of one name are told apart, and what arrives late finds another
  /// claim and changes nothing. False: only the name tells whose a key is (etcd v2), and whoever has my name
  /// is me.
  bool claims = true;
  /// What one call writes is written in one transaction.
  bool transactional = true;
  /// A new ttl takes a new claim, to which the keys are moved by their next writes; else it is simply what
  /// the next renewal asks for.
  bool moves_on_ttl_change = true;
  /// A key that was deleted counts its versions anew.
  bool versions_recur = false;
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

  virtual StoreTraits traits() const = 0;

  /// The claim that keys are bound to now; empty before the first bound write, and where there are none.
  /// `on_claim` is called with every new one, and its task awaited: it is to be recorded for the next
  /// incarnation. That is before the first write that uses it where the claim is known by then (a lease, a
  /// session), else together with that write's answer: a daemon that dies in between waits for the end of a
  /// key that it does not know for its own.
  virtual Claim claim() const = 0;
  /// The current claim, an older one of this daemon, or one that an earlier incarnation recorded: a key bound
  /// to it is mine. After a write of the leader key with an unknown outcome the next bound write takes a new
  /// claim (and the next renewal moves the leader key to it), so that what arrives late finds another claim
  /// and changes nothing. Without claims all that has my name is mine.
  virtual bool is_mine(const Claim& claim) const = 0;
  virtual void on_claim(std::function<Task<void>(Claim)> recorder) = 0;

  /// Which of all stores this is (etcd3: the cluster id), to be recorded with each claim; empty: none has
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

  /// Keeps what this member wrote alive, without touching the leader key (what a replica does each
  /// loop_wait).
  virtual Task<WriteResult> keep_claim(Instant deadline) = 0;

  /// Creates the leader key if it is absent and the conditions hold. `done` means that they held when the key
  /// was won, by whatever way, and carries a proof. Without transactions: the key is created, then all is
  /// read anew, and where something differs the key is given back, inside this call (`refused` once it is
  /// gone, `unknown` until then); `tanist/leadership` is written before `done` is said. A key won by a
  /// request whose outcome was unknown is held on nothing that was compared: what is done with it is decided
  /// anew.
  struct [[nodiscard]] Acquired {
    Outcome outcome = Outcome::unavailable;
    Proof proof{};
    std::string detail;
  };
  /// `from` is kept in `tanist/leadership`, until another takes the key: also where a daemon that was
  /// restarted signs the leadership of its name anew. Without transactions its names of timelines are left
  /// out: beside a key that was won just now the record of an earlier leadership of that name may still
  /// stand.
  virtual Task<Acquired> acquire(AcquireConditions conditions, std::optional<LedFrom> from,
                                 Instant deadline) = 0;

  /// Proves that the leader key is mine and its lease alive, and prolongs the lease; never creates or moves a
  /// key to another name. A key that a previous incarnation's claim holds is moved to the current claim here.
  /// `status` is written in the same transaction, or after it; what was not written is given again by the
  /// caller.
  virtual Task<Renewal> renew(std::optional<Status> status, Instant deadline) = 0;

  /// Writes the last status (when given) and deletes the leader key if value and claim are mine. `refused`:
  /// it was not mine (any more). Whoever calls it has stopped renewing first. A request that arrives late
  /// deletes no key that I have come to lead by since: where there are no claims it names the version that it
  /// deletes, and so does one that gives back what acquire() has won.
  virtual Task<WriteResult> release(std::optional<Status> last_status, Instant deadline) = 0;

  /// Writes this member's value, bound to its claim; `done` without a request when unchanged and still
  /// bound.
  virtual Task<WriteResult> touch_member(Document value, Instant deadline) = 0;
  /// Deletes this member's key (a clean end).
  virtual Task<WriteResult> remove_member(Instant deadline) = 0;

  virtual Task<WriteResult> write(Record record, Condition condition, Instant deadline) = 0;
  /// Synchronous mode is off: /sync is deleted, or, where a key that is created anew would have versions of
  /// before, written over with an empty state (dcs.md §2.3).
  virtual Task<WriteResult> delete_sync(Condition condition, Instant deadline) = 0;

  /// The race for a bootstrap: creates an empty /initialize (or takes over the abandoned one of version
  /// `take_over`) with the bootstrap note bound to my claim (without claims: with its ttl).
  virtual Task<WriteResult> begin_bootstrap(std::optional<Version> take_over, Instant deadline) = 0;
  /// Stores the result if the note is still mine: /initialize, /config, the leader key, and removes the note.
  virtual Task<Acquired> finish_bootstrap(BootstrapResult result, Instant deadline) = 0;
  /// Deletes /initialize and the note, if the note is mine. A result that is still on its way is refused
  /// from here on; a store that writes it in steps has to delete the /initialize that I created also where
  /// the note has ended by itself.
  virtual Task<WriteResult> cancel_bootstrap(Instant deadline) = 0;

  /// Called (on the store's thread) whenever others changed what the watched copy shows: `leader_changed`
  /// when the leader key was created, deleted or names another; a change of one's own member key or of other
  /// members' keys does not count as `wakes` (dcs.md §3).
  struct Change {
    bool leader_changed = false;
    bool wakes = false;
  };
  virtual void on_change(std::function<void(Change)> listener) = 0;
  /// The watched copy as it is now, for looking at the leader key the moment it changed; nullptr when the
  /// watch is not caught up. It is never older than what an answer told this member of the leader key: a copy
  /// that shows the key as another's, or absent, is of a time after the last proof that it was mine.
  virtual ClusterPtr watched() const = 0;

  /// New local settings: what may change while the daemon runs is used from the next login on; files with
  /// certificates are read anew, in the background, for the next connections.
  virtual void reload(const config::StoreOptions&) {}

  /// How long requests took and how many failed; nullptr: nobody counts.
  virtual const StoreTimes* times() const { return nullptr; }
};

/// What no waiting mends; ends the daemon with exit code 1.
class FatalStoreError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace tanist::dcs
