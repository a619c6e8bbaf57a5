#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>

#include "ha/engine/engine.h"
#include "ports.h"
#include "server.h"
#include "store.h"

namespace tanist::sim {

/// What a cluster of a run looks like.
struct Options {
  int members = 3;
  Duration ttl = std::chrono::seconds(30);
  Duration loop_wait = std::chrono::seconds(10);
  Duration retry_timeout = std::chrono::seconds(10);
  std::int64_t maximum_lag_on_failover = 1048576;
  bool use_pg_rewind = true;
  bool remove_on_divergence = true;
  bool guardian = true;
  /// Another upstream needs a restart, as before PostgreSQL 13.
  bool restarts_to_follow = false;
  /// New clusters come from a script.
  bool custom_bootstrap = false;
  Duration primary_start_timeout = std::chrono::seconds(300);
  bool check_timeline = false;
  bool failsafe = false;
  Duration primary_race_backoff{};
  /// By host, from 1; who is not named has none.
  std::map<Endpoint, config::Tags> tags;
  /// Hosts that replay late on purpose.
  std::set<Endpoint> delayed;
  /// A share of the promotions that wait for an archive, up to half a minute.
  double slow_promotions = 0;
  /// What the audit found and the product may not have mended: what only a daemon can stop is done to it
  /// also where nobody else is, and starts, promotions and data directories are worse than good.
  bool audit = false;
  /// Faults of Only::brutal, in bursts.
  bool brutal = false;
  /// Operators ask for switchovers and failovers, sensible ones and others.
  bool operators = false;
  /// They ask single members for new copies, and for restarts at a time.
  bool orders = false;
  /// Administrators pause the cluster, and work on PostgreSQL by hand meanwhile.
  bool administrators = false;
  /// What commits wait for.
  config::Dynamic::SyncMode synchronous = config::Dynamic::SyncMode::off;
  bool synchronous_strict = false;
  int synchronous_node_count = 1;
  /// Operators change it while the cluster runs.
  bool changes_synchronous = false;
  /// Zones are asked for (`tags` say who stands where), and whole ones lose power.
  config::Zones zones;
  /// Hosts of another cluster, which this one follows from its begin; empty: it follows nobody.
  std::string follows;
  /// What kind of store it is.
  const StoreModel* store = &kStoreModels.front();
  Document dynamic() const;
};

/// Settings of a member as config/ would build them.
config::SettingsPtr make_settings(const std::string& name, Endpoint host, const Document& dynamic,
                                  const config::Tags& tags = {}, bool delayed = false);

std::string address_of(Endpoint host);

/// Told of what a daemon does, for invariants and counting.
class MemberObserver {
 public:
  virtual ~MemberObserver() = default;
  virtual void decided(Endpoint host, const ha::View& view, const ha::Decision& decision) = 0;
  /// It sends its question to a peer.
  virtual void asks(Endpoint host, Endpoint peer) = 0;
  virtual void removal(Endpoint host, const std::string& why, bool renamed) = 0;
  virtual void starting(Endpoint host, const postgres::StartRequest& request) = 0;
  /// Its PostgreSQL is told to end, or killed, by the daemon.
  virtual void stopping(Endpoint host) = 0;
  /// The daemon ended by itself.
  virtual void ended(Endpoint host, int code) = 0;

  /// Somebody asks it for something; what is returned is told the answer in the place of `answered`.
  template <class Order>
  using Answered = std::function<void(typename Order::Answer)>;
  using Copy = ha::order::Reinitialize;
  using Schedule = ha::order::ScheduleRestart;
  using Withdrawal = ha::order::DropScheduledRestart;
  virtual Answered<Copy> ordered(Endpoint host, const Copy& order, Answered<Copy> answered) = 0;
  virtual Answered<Schedule> ordered(Endpoint host, const Schedule& order, Answered<Schedule> answered) = 0;
  virtual Answered<Withdrawal> ordered(Endpoint host, const Withdrawal& order,
                                       Answered<Withdrawal> answered) = 0;
};

/// A host: its PostgreSQL, disk, guardian and clock, and the daemon that may run there.
class Member final : public PeerHost {
 public:
  Member(World& world, Wal& wal, StoreServer& store, Endpoint host, std::string name, const Options& options,
         HostClock clock, PostgresDirectory postgres, PeerDirectory peers, MemberObserver& observer);
  ~Member() override;

  const std::string& name() const { return name_; }
  Endpoint host() const override { return host_; }
  Postgres& postgres() { return postgres_; }
  Guardian& guardian() { return guardian_; }
  HostDisk& disk() { return disk_; }
  StartTiming& start_timing() { return start_timing_; }
  StoreFaults& store_faults() { return store_faults_; }

  /// Starts the daemon: a new incarnation over what the disk holds.
  void start();
  /// kill -9 of the daemon: PostgreSQL goes on.
  void crash();
  /// Power loss: the daemon, the guardian and PostgreSQL at once. What is on disk stays.
  void lose_power();
  void sigterm(bool hurry = false);
  /// What comes through the REST API, as POST /restart; `answered` is told what became of it, unless the
  /// daemon ends before.
  template <class Order>
  void order(Order order, std::function<void(typename Order::Answer)> answered = {});
  void sigstop();
  void sigcont();

  bool running() const { return daemon_ != nullptr; }
  bool paused() const;
  /// Answers its peers, as soon as it is scheduled.
  bool serving() const;
  /// From when on the daemon of now is held to what it has promised: it was started or continued a while ago.
  Time answerable_from() const { return answerable_from_; }
  const config::Tags& tags() const { return tags_; }
  /// The clock of the host.
  Instant now() const { return clock_.at(world_.now()); }
  /// The calendar of the host, while the daemon runs.
  WallTime wall_now() const;
  std::optional<int> exit_code() const { return exit_code_; }
  std::uint64_t incarnations() const { return incarnations_; }
  ha::SnapshotPtr snapshot() const;
  /// Answers GET /patroni, when there is somebody to answer.
  void serve(std::function<void(ha::PeerAnswer)> reply) override;
  void serve(ha::FailsafeQuestion question, std::function<void(ha::FailsafeReply)> reply) override;

 private:
  struct Daemon;
  Task<void> run();
  Task<void> answer(std::function<void(ha::PeerAnswer)> reply);
  Task<void> promise(ha::FailsafeQuestion question, std::function<void(ha::FailsafeReply)> reply);
  template <class Order>
  Task<void> obey(Order order, std::function<void(typename Order::Answer)> answered);
  void destroy();
  Task<bool> first_cycle();
  void forget_removals();

  World& world_;
  StoreServer& store_;
  Endpoint host_;
  std::string name_;
  Options options_;
  HostClock clock_;
  PostgresDirectory directory_;
  PeerDirectory peers_;
  MemberObserver& observer_;
  Postgres postgres_;
  Guardian guardian_;
  HostDisk disk_;
  StartTiming start_timing_;
  config::Tags tags_;
  Time answerable_from_{};
  StoreFaults store_faults_;
  Random dice_;
  std::unique_ptr<Daemon> daemon_;
  std::optional<int> exit_code_;
  std::uint64_t incarnations_ = 0;
  int boots_ = 0;
};

}  // namespace tanist::sim
