#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "member.h"

namespace tanist::sim {

/// What a run did, for the sums of the test.
struct Counts {
  std::uint64_t faults = 0;
  std::uint64_t messages_lost = 0;
  std::uint64_t lock_changes = 0;
  std::uint64_t decisions = 0;
  std::uint64_t promotions = 0;
  std::uint64_t commits = 0;
  std::uint64_t handovers = 0;
  /// Members that end on the leader's timeline number with other WAL: PostgreSQL itself cannot tell.
  std::uint64_t same_numbers = 0;
  Duration virtual_time{};
  void add(const Counts& other);
};

/// A simulated cluster: hosts with the real engine, a store, and the watch over the invariants. Log lines of
/// the engine go into the world's trace.
class Cluster final : public MemberObserver {
 public:
  Cluster(std::uint64_t seed, Options options = {});
  ~Cluster() override;

  /// The one that runs now; nullptr: none.
  static const Cluster* current();

  World& world() { return world_; }
  Wal& wal() { return wal_; }
  StoreServer& store() { return store_; }
  const Options& options() const { return options_; }
  /// By number, from 1.
  Member& member(Endpoint host) { return *members_[static_cast<std::size_t>(host - 1)]; }
  Endpoint size() const { return static_cast<Endpoint>(members_.size()); }
  /// Another host; `name` may be one that exists.
  Member& add(const std::string& name);
  void start_all();

  /// The member whose name the leader key holds and whose PostgreSQL accepts writes; nullptr: none.
  Member* primary();
  /// A member that holds the leader key, whatever its PostgreSQL does.
  Member* key_holder();
  /// One primary with the key, everybody else streams.
  /// `but_for_same_numbers`: whom pg_rewind cannot tell from a good replica is not asked for, unless it may
  /// be cloned.
  bool converged(bool but_for_same_numbers = false);
  /// Two promotions to one timeline number: nothing that PostgreSQL says shows the difference.
  bool same_number(Member& leader, Member& other);
  /// Why not, for messages.
  std::string shape();
  bool run_until_converged(Duration limit);
  /// As a service manager does: a daemon that ends with an error is started again after two seconds.
  bool restart_on_failure = true;

  /// Everything that was done to the world ends: network, store, disks, clocks go on; stopped and dead
  /// daemons run.
  void heal();

  Counts counts();
  void count_fault() { ++counts_.faults; }
  /// An accident with the leader key was made by hand just now: until it is seen everywhere no rule can hold.
  void excuse_key(Duration span) { excused_until_ = world_.now() + span; }
  /// SIGTERM was given to a healthy, converged primary: nothing it acknowledged may be lost.
  void expect_clean_handover(Endpoint from);
  /// Something else was done meanwhile.
  void forget_handover() { handover_from_ = 0; }

  /// Called with every decision to take the leader key.
  std::function<void(Endpoint, const ha::View&, const dcs::AcquireConditions&)> on_acquire;

  /// The command that replays this run, for the report.
  std::string replay;
  /// Seed, the broken invariant, and the last events.
  std::string report(std::size_t lines = 100) const;
  bool ok() const { return world_.violation().empty(); }

  void decided(Endpoint host, const ha::View& view, const ha::Decision& decision) override;
  void removal(Endpoint host, const std::string& why, bool renamed) override;
  void starting(Endpoint host, const postgres::StartRequest& request) override;
  void ended(Endpoint host, int code) override;

 private:
  void check();
  void leader_changed(LeaderChange why, const std::string& name);
  void promoted(Member& member);
  bool unfinished(Member& m);
  bool writes_for_cluster(Member& m);
  bool excused() const { return world_.now() < excused_until_; }
  Postgres* postgres_at(const std::string& address);
  /// Hosts that go by this name.
  std::vector<Member*> named(const std::string& name);

  World world_;
  Options options_;
  Wal wal_;
  StoreServer store_;
  std::vector<std::unique_ptr<Member>> members_;
  Counts counts_;
  Time excused_until_{-1};
  bool healed_ = false;
  Endpoint handover_from_ = 0;
  std::size_t handover_commits_ = 0;
  Position handover_position_;
};

}  // namespace tanist::sim
