#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "dcs/store.h"
#include "world.h"

namespace tanist::sim {

/// What an operation on the server answered: its outcome as the server knows it (never unknown).
struct Answer {
  bool ok = false;
  dcs::Version version = 0;
  std::string detail;
  /// The lease named in the request is not there (any more).
  bool no_lease = false;
  /// What the lease holds from the processing on.
  Duration valid_for{};
  /// Revision of the store after the request.
  std::int64_t revision = 0;
  bool status_written = false;
  /// The leader key is another's or absent.
  bool lost = false;
};

/// Why the leader key changed.
enum class LeaderChange { acquired, bootstrapped, moved, released, expired, deleted_by_hand };

/// A model of an etcd-like store: keys with versions, leases that run on the store's own time,
/// compare-and-set, watchers. Every operation is atomic and happens at the moment it is called; messages are
/// SimStore's business.
class StoreServer {
 public:
  /// `id`: which of all stores it is.
  StoreServer(World& world, std::int64_t rate_error_ppb, std::string id = "store 1");

  const std::string& id() const { return id_; }
  /// The whole cluster as it is now; equal pointers while nothing changes.
  dcs::ClusterPtr snapshot();
  bool up() const { return up_; }
  /// Down: nothing answers. Up again: every lease has its full length, as after an election of etcd.
  void set_up(bool up);

  std::string grant(Duration ttl);
  /// Whether the lease lives; prolongs it.
  Answer keep_alive(const dcs::Session& session);
  Answer acquire(const std::string& name, const dcs::Session& session,
                 const dcs::AcquireConditions& conditions);
  /// Proves (and moves, when one of `own` other than `session` holds the key) the leader key; writes
  /// `status`.
  Answer renew(const std::string& name, const dcs::Session& session, const std::vector<dcs::Session>& own,
               const std::optional<dcs::Status>& status);
  Answer release(const std::string& name, const std::vector<dcs::Session>& own,
                 const std::optional<dcs::Status>& status);
  Answer touch_member(const std::string& name, const dcs::Session& session, const Document& value);
  Answer remove_member(const std::string& name);
  Answer write(const dcs::Record& record, const dcs::Condition& condition);
  Answer delete_sync(const dcs::Condition& condition);
  Answer begin_bootstrap(const std::string& name, const std::string& incarnation, const dcs::Session& session,
                         const std::vector<dcs::Session>& own, std::optional<dcs::Version> take_over);
  Answer finish_bootstrap(const std::string& name, const dcs::Session& session,
                          const std::vector<dcs::Session>& own, const dcs::BootstrapResult& result);
  Answer cancel_bootstrap(const std::string& name, const std::vector<dcs::Session>& own);

  /// What an operator or an accident does.
  void delete_leader_by_hand();
  void put_leader_by_hand(const std::string& name);
  void delete_member_by_hand(const std::string& name);
  void delete_initialize_by_hand();
  void end_lease(const dcs::Session& session);
  bool lease_alive(const dcs::Session& session) const { return leases_.contains(session); }

  /// Called after every change, with the change already visible, until it returns false.
  void on_change(std::function<bool()> listener) { listeners_.push_back(std::move(listener)); }
  /// Called when the leader key changes, before the change becomes visible; `name`: the holder it concerns.
  void on_leader_change(std::function<void(LeaderChange, const std::string& name)> listener) {
    leader_listener_ = std::move(listener);
  }
  /// Whose request is processed right now (and will be answered); 0: nobody's.
  Endpoint acting = 0;
  std::uint64_t lock_changes() const { return lock_changes_; }
  /// A proof of a lease is worth one part in so many of its ttl.
  int proof_share = 1;

 private:
  struct Lease {
    Duration ttl{};
    World::EventKey end{};
  };
  dcs::Version bump();
  void changed();
  void arm(const dcs::Session& session, Lease& lease);
  void expire(const dcs::Session& session);
  bool refresh(const dcs::Session& session, Answer& answer);
  bool holds(const dcs::Condition& condition, dcs::Version current, bool present) const;
  bool leader_is(const std::string& name, const std::vector<dcs::Session>& own) const;
  void put_leader(const std::string& name, const dcs::Session& session, LeaderChange why);
  void drop_leader(LeaderChange why);
  void put_status(const dcs::Status& status);
  Answer refused(std::string detail) const;
  Answer done(dcs::Version version) const;

  World& world_;
  std::int64_t rate_error_ppb_;
  std::string id_;
  bool up_ = true;
  dcs::Cluster now_;
  dcs::ClusterPtr snapshot_;
  std::map<dcs::Session, Lease> leases_;
  std::uint64_t next_lease_ = 1000;
  std::vector<std::function<bool()>> listeners_;
  std::function<void(LeaderChange, const std::string&)> leader_listener_;
  std::uint64_t lock_changes_ = 0;
};

}  // namespace tanist::sim
