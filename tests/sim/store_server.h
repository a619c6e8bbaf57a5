#pragma once

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dcs/store.h"
#include "world.h"

namespace tanist::sim {

/// A kind of store: what it promises, and how it counts.
struct StoreModel {
  std::string_view name;
  dcs::StoreTraits traits;
  /// A lease may go on for twice what a proof of it says.
  bool held_longer = false;
  /// Versions tell an order, as text to whoever looks.
  enum class Versions { revisions, opaque, per_key } versions = Versions::revisions;
};
/// Like etcd 3; Consul (half of ttl asked for, held up to twice that); Kubernetes and etcd 2 (no claims, no
/// transactions, opaque versions); ZooKeeper (each key counts its writes from 0, and anew after it was
/// deleted).
extern const std::array<StoreModel, 4> kStoreModels;
/// nullptr: there is none of that name.
const StoreModel* store_model(std::string_view name);

/// The keys, and how often anything was changed.
struct Stored : dcs::Cluster {
  std::int64_t revision = 0;
};
using StoredPtr = std::shared_ptr<const Stored>;

/// What an operation on the server answered: its outcome as the server knows it (never unknown).
struct Answer {
  bool ok = false;
  dcs::Version version;
  std::string detail;
  /// The lease named in the request is not there (any more).
  bool no_lease = false;
  /// What the lease holds from the processing on.
  Duration valid_for{};
  bool status_written = false;
  /// The leader key is another's or absent.
  bool lost = false;
};

/// Why the leader key changed.
enum class LeaderChange { acquired, bootstrapped, moved, released, expired, deleted_by_hand };

/// A model of a store: keys with versions, leases that run on the store's own time, compare-and-set,
/// watchers. Every operation is atomic and happens at the moment it is called; messages are SimStore's
/// business, and so is what takes several operations where the model has no transactions.
class StoreServer {
 public:
  /// `id`: which of all stores it is.
  StoreServer(World& world, std::int64_t rate_error_ppb, std::string id = "store 1",
              const StoreModel& model = kStoreModels.front());
  const StoreModel& model() const { return model_; }

  const std::string& id() const { return id_; }
  /// The whole cluster as it is now; equal pointers while nothing changes.
  StoredPtr snapshot();
  bool up() const { return up_; }
  /// Down: nothing answers. Up again: every lease has its full length, as after an election of etcd.
  void set_up(bool up);

  std::string grant(Duration ttl);
  /// Whether the lease lives; prolongs it.
  Answer keep_alive(const dcs::Claim& session);
  Answer acquire(const std::string& name, const dcs::Claim& session, const dcs::AcquireConditions& conditions,
                 const std::optional<dcs::LedFrom>& from);
  /// Proves (and moves, when one of `own` other than `session` holds the key) the leader key; writes
  /// `status`.
  Answer renew(const std::string& name, const dcs::Claim& session, const std::vector<dcs::Claim>& own,
               const std::optional<dcs::Status>& status);
  Answer release(const std::string& name, const std::vector<dcs::Claim>& own,
                 const std::optional<dcs::Status>& status);
  Answer touch_member(const std::string& name, const dcs::Claim& session, const Document& value);
  Answer remove_member(const std::string& name);
  Answer write(const dcs::Record& record, const dcs::Condition& condition);
  Answer delete_sync(const dcs::Condition& condition);
  Answer begin_bootstrap(const std::string& name, const std::string& incarnation, const dcs::Claim& session,
                         const std::vector<dcs::Claim>& own, std::optional<dcs::Version> take_over);
  Answer finish_bootstrap(const std::string& name, const dcs::Claim& session,
                          const std::vector<dcs::Claim>& own, const dcs::BootstrapResult& result);
  Answer cancel_bootstrap(const std::string& name, const std::vector<dcs::Claim>& own);

  /// Without claims and transactions: one key each, alive for `ttl` from then on.
  Answer create_leader(const std::string& name, Duration ttl);
  Answer refresh_leader(const std::string& name, Duration ttl);
  Answer erase_leader(const std::string& name, const dcs::Version& as);
  Answer sign_leadership(const std::string& name, const std::optional<dcs::LedFrom>& from);
  Answer put_member(const std::string& name, const Document& value, Duration ttl);
  /// The note of a bootstrap: created, or kept where it is `name`'s own.
  Answer put_note(const std::string& name, const std::string& incarnation, Duration ttl);
  Answer erase_note(const std::string& name);
  Answer put_initialize(const std::string& value, const dcs::Condition& condition);
  Answer erase_initialize(const dcs::Condition& condition);

  /// What an operator or an accident does.
  void delete_leader_by_hand();
  void put_leader_by_hand(const std::string& name);
  void delete_member_by_hand(const std::string& name);
  void delete_initialize_by_hand();
  void end_lease(const dcs::Claim& session);
  /// What this member's key hangs on: whether the leader key hangs on it, too; its end.
  bool leads_by_lease_of(const std::string& member) const;
  void end_lease_of(const std::string& member);
  bool lease_alive(const dcs::Claim& session) const { return leases_.contains(session); }

  /// Called after every change, with the change already visible, until it returns false.
  void on_change(std::function<bool()> listener) { listeners_.push_back(std::move(listener)); }
  /// Called when the leader key changes, before the change becomes visible; `name`: the holder it concerns.
  void on_leader_change(std::function<void(LeaderChange, const std::string& name)> listener) {
    leader_listener_ = std::move(listener);
  }
  /// Whose request is processed right now (and will be answered); 0: nobody's.
  Endpoint acting = 0;
  std::uint64_t lock_changes() const { return lock_changes_; }

 private:
  struct Lease {
    Duration ttl{};
    World::EventKey end{};
  };
  /// The version of the write of `key` that happens now.
  dcs::Version bump(const std::string& key);
  dcs::Version written(const std::string& key);
  /// It was deleted.
  void forget(const std::string& key);
  void begin_change() { ++now_.revision; }
  /// What others see of a lease.
  dcs::Claim shown(const dcs::Claim& session) const;
  Lease& bind(const dcs::Claim& session, Duration ttl);
  Duration proof(const Lease& lease) const { return lease.ttl / model_.traits.ttl_parts; }
  void changed();
  void arm(const dcs::Claim& session, Lease& lease);
  void expire(const dcs::Claim& session);
  bool refresh(const dcs::Claim& session, Answer& answer);
  static bool holds(const dcs::Condition& condition, const dcs::Version& current);
  bool leader_is(const std::string& name, const std::vector<dcs::Claim>& own) const;
  void put_leader(const std::string& name, const dcs::Claim& session, LeaderChange why);
  void drop_leader(LeaderChange why);
  void put_status(const dcs::Status& status);
  static Answer refused(std::string detail);
  static Answer done(dcs::Version version);

  World& world_;
  std::int64_t rate_error_ppb_;
  std::string id_;
  bool up_ = true;
  const StoreModel& model_;
  Stored now_;
  StoredPtr snapshot_;
  /// What each key hangs on, where that can end.
  std::map<std::string, dcs::Claim> bound_;
  /// Writes of a key so far, where each counts for itself.
  std::map<std::string, std::int64_t> counts_;
  std::map<dcs::Claim, Lease> leases_;
  std::uint64_t next_lease_ = 1000;
  std::vector<std::function<bool()>> listeners_;
  std::function<void(LeaderChange, const std::string&)> leader_listener_;
  std::uint64_t lock_changes_ = 0;
};

}  // namespace tanist::sim
