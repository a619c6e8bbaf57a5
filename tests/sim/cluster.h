#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "config/modes.h"
#include "member.h"
#include "order_book.h"

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
  /// Runs in which an operator had to say who leads, after promotions that look alike.
  std::uint64_t stand_offs = 0;
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
  /// A server of another cluster: no member manages it.
  Postgres& add_remote(Endpoint host);
  void start_all();

  /// The member whose name the leader key holds and whose PostgreSQL accepts writes; nullptr: none.
  Member* primary();
  /// A member that holds the leader key, whatever its PostgreSQL does.
  Member* key_holder();
  /// One primary with the key, everybody else streams.
  /// `but_for_same_numbers`: whom pg_rewind cannot tell from a good replica is not asked for, unless it may
  /// be cloned.
  bool converged(bool but_for_same_numbers = false);
  /// Two members have other WAL, and all switches of their ways are at the same positions up to there.
  bool has_look_alikes();
  void count_stand_off() { ++counts_.stand_offs; }
  /// Two promotions to one timeline number, that of the leader or one that it has left since: nothing that
  /// pg_rewind looks at shows the difference.
  bool same_number(Member& leader, Member& other);
  /// Why not, for messages.
  std::string shape();
  bool run_until_converged(Duration limit);
  /// Its WAL has left the leader's, and it may neither be rewound nor removed.
  bool stays_out(Member& leader, Member& other);
  /// As a service manager does: a daemon that ends with an error is started again after two seconds.
  bool restart_on_failure = true;
  /// What docs/safety.md promises of no daemon that is down, or that came back only just now, is not asked
  /// for where no guardian is.
  bool excuse_what_cannot_run = true;

  /// Everything that was done to the world ends: network, store, disks, clocks go on; stopped and dead
  /// daemons run.
  void heal();

  /// To be done when the world heals.
  void when_healed(std::function<void()> what) { when_healed_.push_back(std::move(what)); }
  /// /initialize has held it, for a cluster that one of the hosts has.
  bool is_known(const std::string& system_id) const { return known_systems_.contains(system_id); }

  /// The longest ttl there has been.
  Duration longest_ttl() const { return std::max(options_.ttl, longest_ttl_); }
  void note_ttl(Duration ttl) { longest_ttl_ = std::max(longest_ttl_, ttl); }

  Counts counts();
  void count_fault() { ++counts_.faults; }
  /// An accident with the leader key was made by hand just now: until it is seen everywhere no rule can hold.
  void excuse_key(Duration span) { excused_until_ = world_.now() + span; }
  /// The leader key, or the session that it hangs on, is being ended by hand: who held it may go on for the
  /// time in which the key can be taken back, or, where the news cannot reach it, to the end of its lease.
  void excuse_holder();
  /// SIGTERM was given to a healthy, converged primary: nothing it acknowledged may be lost.
  void expect_clean_handover(Endpoint from);
  /// Something else was done meanwhile.
  void forget_handover() { handover_from_ = 0; }

  bool was_paused() const { return was_paused_; }
  /// The commits of the last leader are given up: its /history is emptied, and the daemons start anew.
  void give_up_history();
  /// The configuration says so, as it was written.
  bool is_paused() { return config::modes_of(store_.snapshot()->config.data).pause; }

  OrderBook& orders() { return orders_; }
  /// At the end of a run: what operators have asked for was carried out, or refused; nothing is left of it.
  void expect_requests_settled();

  /// Called with every decision.
  std::function<void(Endpoint, const ha::View&)> on_decision;
  /// Called with every decision to take the leader key.
  std::function<void(Endpoint, const ha::View&, const dcs::AcquireConditions&)> on_acquire;

  /// The command that replays this run, for the report.
  std::string replay;
  /// Seed, the broken invariant, and the last events.
  std::string report(std::size_t lines = 200) const;
  bool ok() const { return world_.violation().empty(); }

  void decided(Endpoint host, const ha::View& view, const ha::Decision& decision) override;
  void asks(Endpoint host, Endpoint peer) override;
  void removal(Endpoint host, const std::string& why, bool renamed) override;
  void starting(Endpoint host, const postgres::StartRequest& request) override;
  void stopping(Endpoint host) override;
  void ended(Endpoint host, int code) override;
  Answered<Copy> ordered(Endpoint host, const Copy& order, Answered<Copy> answered) override {
    return orders_.ordered(member(host), order, std::move(answered));
  }
  Answered<Schedule> ordered(Endpoint host, const Schedule& order, Answered<Schedule> answered) override {
    return orders_.ordered(member(host), order, std::move(answered));
  }
  Answered<Withdrawal> ordered(Endpoint host, const Withdrawal&, Answered<Withdrawal> answered) override {
    return orders_.ordered(member(host), std::move(answered));
  }

 private:
  void check();
  void leader_changed(LeaderChange why, const std::string& name);
  void promoted(Member& member);
  /// What it acknowledges now survives it.
  bool promises(const Member& member);
  void watch_promises();
  void check_promises(Member& winner);
  /// replication.md §21: in strict mode so many members of other zones have it.
  void check_zones(Member& member, Position commit, bool promised);
  bool unfinished(Member& m);
  bool writes_for_cluster(Member& m);
  bool excused() const { return world_.now() < excused_until_; }
  /// Nobody has promised anything of what this member's PostgreSQL does now.
  void note_promises();
  bool leads_by_promise(Member& m);
  bool uncovered(Member& m);
  bool hears(Member& m);
  /// It lost the key by hand and cannot have heard of it; or may still take it back.
  bool cannot_know(const Member& m) const;
  bool takes_back(const Member& m) const;
  void watch_store_losses();
  void watch_holders();
  void watch_idle_primaries();
  void watch_availability();
  /// `other` has a whole data directory of the same system.
  bool is_copy_of(Member& other, Member& m);
  /// Somebody else has all of its WAL that the cluster counts on.
  bool history_is_elsewhere(Member& m);
  void watch_copies();
  void watch_standby_cluster();
  void check_copy_asked_for(Member& m);
  bool available(Member& candidate, Member& asker);
  void key_free();
  /// Decided on, or found out, what `host` is going to lead on.
  void race_decided(Endpoint host, const ha::View& view, bool acquires);
  void check_loss(Member& winner);
  /// Members that know of a pause, and those that have known of it and do not lead again yet: their
  /// PostgreSQL is the administrator's.
  void watch_paused();
  void check_hands_off(Endpoint host, const ha::View& view, const ha::Decision& decision);
  void check_no_outage(Endpoint host, const ha::View& view, const ha::Decision& decision);
  void check_obedience(Endpoint host, const ha::View& view, const ha::intent::Demote& demote);
  bool may_be_elected(Member& m) const;
  bool counts(const Acknowledged& commit);
  bool on_the_line(Member& m);
  /// As far as the cluster has gone the same way.
  Position on_line_of_cluster(Position end) const;
  void watch_diverged();
  void watch_branches();
  bool looks_like_a_part(Position end);
  /// `was`: where its WAL ended before it was promoted, where it has been just now.
  bool cannot_tell_that_it_diverged(Member& m, std::optional<Position> was = std::nullopt);
  Postgres* postgres_at(const std::string& address);
  /// Hosts that go by this name.
  std::vector<Member*> named(const std::string& name);

  World world_;
  Options options_;
  Wal wal_;
  StoreServer store_;
  std::vector<std::unique_ptr<Member>> members_;
  std::vector<std::unique_ptr<Postgres>> remotes_;
  /// Since when each daemon knows that the cluster follows another one.
  std::map<Endpoint, Time> follows_since_;
  OrderBook orders_{world_};
  Counts counts_;
  Time excused_until_{-1};
  std::set<Endpoint> let_go_;
  bool was_paused_ = false;
  /// By host and its clock (note_promises()).
  std::map<Endpoint, Instant> promised_until_;
  bool healed_ = false;
  Duration longest_ttl_{};
  std::vector<std::function<void()>> when_healed_;
  /// Up to here in all that was acknowledged, promises are given up, or known to be kept by whoever led
  /// then.
  std::size_t promises_from_ = 0;
  Endpoint handover_from_ = 0;
  std::size_t handover_commits_ = 0;
  Position handover_position_;
  /// System identifiers that /initialize has held: clusters that were finished.
  std::set<std::string> known_systems_;
  /// The same where the founder had taken the leader key by then, or ended.
  std::set<std::string> founded_systems_;
  dcs::ClusterPtr seen_;
  struct Excuse {
    Time lost_at{};
    bool deaf = false;
  };
  /// Who lost the key by hand.
  std::map<Endpoint, Excuse> excused_holders_;
  /// By host: until when what the store told it may not have arrived.
  std::map<Endpoint, Time> deaf_until_;
  /// What was lost or held back between a member and the store.
  struct Losses {
    std::uint64_t hits = 0;
    Time last = std::chrono::hours(-1);
    Time before_last = std::chrono::hours(-1);
  };
  std::map<Endpoint, Losses> store_losses_;
  /// By who holds the key: what is lost once it is promoted.
  std::map<Endpoint, std::string> losses_;
  /// Since when a primary goes on without the key.
  std::map<Endpoint, Time> idle_since_;
  /// The branch of the last one that wrote with the key.
  int lineage_ = -1;
  Endpoint last_writer_ = -1;
  Time free_since_{};
  std::map<Endpoint, Position> at_free_;
  /// By candidate and asker: when the one could not have been asked by the other.
  std::map<std::pair<Endpoint, Endpoint>, Time> unavailable_at_;
  /// By candidate and asker: when the last question was sent.
  std::map<std::pair<Endpoint, Endpoint>, Time> asked_at_;
  /// By who takes the key: since when each host that counts must have been there.
  std::map<Endpoint, std::map<Endpoint, Time>> heard_since_;
  /// Standbys that have left the cluster's line, and may be told so.
  struct Diverged {
    std::uint64_t incarnation = 0;
    int branch = -1;
    /// Since when it sees a leader that shows it; nullopt: it sees none now.
    std::optional<Time> since;
    bool told = false;
  };
  std::map<Endpoint, Diverged> diverged_;
  /// The last snapshot of each host; by branch what members call it, and what each name stands for.
  std::map<Endpoint, ha::SnapshotPtr> branches_seen_;
  std::map<int, std::string> branch_names_;
  std::map<std::pair<Timeline, std::string>, int> named_branches_;
  Time sampled_at_{};
  /// When somebody else was last seen to lead, and to give a copy to this host.
  std::map<Endpoint, Time> led_by_other_at_;
  std::map<Endpoint, Time> copy_to_be_had_at_;
  std::map<Endpoint, Time> history_elsewhere_at_;
  Time copies_sampled_at_{};
};

}  // namespace tanist::sim
