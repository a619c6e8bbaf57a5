#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/history.h"
#include "postgres/server.h"
#include "postgres/standby_names.h"
#include "world.h"

namespace tanist::sim {

/// One line of history that WAL can follow: a timeline as it really is. Two servers that were promoted apart
/// have different branches, even when both call theirs timeline 2.
struct Branch {
  int parent = -1;
  Lsn start;
  Timeline timeline;
  std::string system_id;
};

/// Where WAL ends: up to `lsn` on `branch` (and its ancestors up to where it left them).
struct Position {
  int branch = -1;
  Lsn lsn;
  bool operator==(const Position&) const = default;
};

/// A commit that a client was told of.
struct Acknowledged {
  Endpoint host = 0;
  Position at;
  Time when{};
  /// A leader had promised that it survives him.
  bool promised = false;
};

/// All WAL there ever was, and what was promised to clients.
class Wal {
 public:
  int begin(std::string system_id);
  int fork(Position from);
  const Branch& branch(int id) const { return branches_[static_cast<std::size_t>(id)]; }
  /// Whether everything up to `part` is in `whole`.
  bool contains(Position whole, Position part) const;
  /// The last position both have in common.
  Position common(Position a, Position b) const;
  std::vector<HistoryLine> history(int branch) const;
  /// Another branch in this chain has the number and the begin of that one.
  bool has_twin(int chain, int branch_id) const;

  void acknowledge(Acknowledged commit) { acknowledged_.push_back(commit); }
  const std::vector<Acknowledged>& acknowledged() const { return acknowledged_; }

 private:
  std::vector<Branch> branches_;
  std::vector<Acknowledged> acknowledged_;
};

/// How long things take, and what goes wrong, on one host.
struct PostgresTiming {
  Duration launch = std::chrono::milliseconds(20);
  Duration crash_recovery_min = std::chrono::milliseconds(50);
  Duration crash_recovery_max = std::chrono::milliseconds(1500);
  Duration promote_max = std::chrono::milliseconds(200);
  /// A share of the promotions waits for an archive, and takes up to that long.
  double slow_promotions = 0;
  Duration slow_promotion_max = std::chrono::seconds(30);
  Duration stop_clients_max = std::chrono::milliseconds(50);
  Duration checkpoint_max = std::chrono::milliseconds(200);
  /// After SIGKILL of the postmaster a busy backend goes on that long at most.
  Duration orphans_max = std::chrono::milliseconds(2000);
  Duration clone_max = std::chrono::seconds(4);
  Duration rewind_max = std::chrono::seconds(2);
  Duration wal_sender_timeout = std::chrono::seconds(60);
  Duration retrieve_retry = std::chrono::seconds(5);
  /// Between two commits of the writers.
  Duration write_every = std::chrono::milliseconds(100);
  std::uint64_t largest_write = 4000;
};

class Postgres;

/// Finds the server behind an address; nullptr: nobody there.
using PostgresDirectory = std::function<Postgres*(const std::string& address)>;

/// Of several, with commas between them, the one that answers as a primary, or the first that is there.
Postgres* server_at(const PostgresDirectory& directory, const std::string& hosts);

/// A model of one host's PostgreSQL: data directory, processes, replication. It lives as long as the host,
/// whatever the daemon does.
class Postgres {
 public:
  enum class Data { empty, partial, ok };
  /// down: nothing. dying: the postmaster is gone, orphans are not.
  enum class Life { down, starting, up, stopping_fast, stopping_immediate, dying };

  struct Slot {
    Lsn restart_lsn;
    bool active = false;
    /// Of a logical slot: a name with a position.
    std::string database = {};
    std::string plugin = {};
  };

  /// What is on disk.
  struct Disk {
    Data data = Data::empty;
    Position end;
    std::string control_state = "shut down";
    Lsn checkpoint;
    Timeline checkpoint_timeline;
    bool standby_signal = false;
    bool backup_label = false;
    /// A rewind that was begun and not finished: cannot be started, only rewound again or replaced.
    bool half_rewound = false;
    /// Made by initdb of this host and not yet part of a cluster.
    bool bootstrap_attempt = false;
    std::optional<postgres::Upstream> upstream;
    std::map<std::string, Slot> slots;
    /// synchronous_standby_names in the configuration.
    std::string standby_names;
  };

  Postgres(World& world, Wal& wal, Endpoint host, std::string name, PostgresDirectory directory);

  Endpoint host() const { return host_; }
  const std::string& name() const { return name_; }
  Life life() const { return life_; }
  const Disk& disk() const { return disk_; }
  Disk& disk() { return disk_; }
  bool in_recovery() const { return in_recovery_; }
  int postmaster_pid() const { return postmaster_pid_; }
  /// Counts the postmasters that ran.
  std::uint64_t generation() const { return generation_; }
  Time started_at() const { return started_at_; }
  postgres::Process process() const;
  postgres::Accepting accepting() const;
  /// Answers queries.
  bool answers() const { return accepting() == postgres::Accepting::accepting && !stopped_; }
  /// A client could have a commit acknowledged now, or as soon as its process is scheduled again.
  bool can_commit() const;
  bool stopped() const { return stopped_; }
  /// The promotion was taken up and is not over: what is seen is a standby.
  bool promoting() const { return promoting_; }
  bool streaming() const { return connected_ && !stalled_; }
  Endpoint streaming_from() const { return connected_ ? upstream_->host() : 0; }
  /// Replicas that stream from here.
  std::vector<Postgres*> downstream() const { return downstream_; }
  std::string system_id() const;
  Timeline timeline() const;
  std::vector<HistoryLine> history() const { return wal_.history(disk_.end.branch); }
  /// This server's WAL is a part of the other's.
  bool ancestry_of(const Postgres& other) const;
  /// The other's WAL came through another timeline of the same number and begin.
  bool has_twin_in(const Postgres& other) const;

  // What the daemon does.
  void initdb();
  /// nullopt upstream with as_standby: follows nobody.
  bool start(bool as_standby, std::optional<postgres::Upstream> upstream);
  void follow(std::optional<postgres::Upstream> upstream);
  void stop(bool immediate);
  void kill_everything();
  bool promote();
  void checkpoint_done();
  void recover_alone();
  void begin_copy();
  void finish_copy(const Postgres& source);
  void begin_rewind();
  void finish_rewind(const Postgres& source);
  void remove();
  void take_steps(const std::vector<postgres::SlotStep>& steps);
  /// In the configuration at once, in force a moment later.
  void set_standby_names(std::string names);
  /// Whom commits wait for now.
  const std::string& standby_names() const { return names_text_; }
  /// What a standby that streams from here has said that it has.
  Lsn acknowledged_by(const Postgres& replica) const;
  /// As pg_stat_replication has it.
  std::string sync_state_of(const Postgres& replica) const;
  /// Which connection of it this is.
  std::uint64_t connection() const { return connection_; }

  // What happens to it.
  void crash_postmaster();
  /// The host is gone: at once, nothing is left.
  void vanish();
  /// SIGSTOP and SIGCONT of all its processes.
  void freeze(bool on);
  /// A backend was killed: the postmaster lives, ends all others and recovers for so long; it refuses
  /// connections meanwhile.
  void crash_backends(Duration recovery);
  /// What is left of such a recovery takes no time.
  void hurry_recovery();
  void write(std::uint64_t bytes);

  PostgresTiming timing;
  /// Another upstream counts only after a restart.
  bool restarts_to_follow = false;
  /// The next starts that fail.
  int failing_starts = 0;
  int failing_copies = 0;
  /// The next rewinds that end before they have changed anything.
  int harmless_rewinds = 0;
  /// The next promotions that PostgreSQL does not carry out: refused, or it dies of them.
  int failing_promotions = 0;
  /// What a look at the data directory says instead of what is there.
  std::optional<postgres::DataDirectory> seen_as;
  /// How many looks are wrong; nullopt: all.
  std::optional<int> wrong_looks;
  bool control_unreadable = false;
  std::optional<postgres::DataDirectory> take_look();

  /// Called on every change of what the daemon can see.
  void on_change(std::function<void()> listener) { listener_ = std::move(listener); }
  /// Called before a commit is acknowledged; true: it is promised to survive this host.
  std::function<bool()> promises;
  /// Told of each commit when it is acknowledged.
  std::function<void(Position commit, bool promised)> acknowledging;
  /// Commits wait for somebody.
  bool waits() const { return names_.kind != postgres::StandbyNames::Kind::off; }
  /// It has said so by now.
  bool has_acknowledged(const Postgres& replica, Position commit) const;
  /// Called when it becomes able to write as primary of a new branch.
  std::function<void()> promoted;

 private:
  void changed();
  void later(Duration delay, std::function<void()> what);
  void go_down(std::string control_state);
  void next_generation();
  void come_up();
  void end_promotion(bool well);
  void write_on();
  void finish_stop();
  void try_connect();
  void disconnect();
  void drop_replicas(Duration notice);
  void pump();
  void pump_replicas();
  // Commits that wait for standbys (synchronous.cc).
  void take_names();
  void reply();
  void take_reply(Postgres* replica, Position has);
  std::vector<const Postgres*> waited_for() const;
  void acknowledge_what_is_due();
  void acknowledge(Position commit);

  World& world_;
  Wal& wal_;
  Endpoint host_;
  std::string name_;
  PostgresDirectory directory_;
  Random dice_;
  Disk disk_;
  Life life_ = Life::down;
  bool in_recovery_ = false;
  bool clients_ = false;
  bool promoting_ = false;
  bool stopped_ = false;
  std::vector<std::function<void()>> pending_;
  int postmaster_pid_ = 0;
  std::uint64_t generation_ = 0;
  /// Counts the postmasters and the times that one of them lost all its children.
  std::uint64_t era_ = 0;
  bool recovering_backends_ = false;
  Time started_at_{};
  bool shutdown_checkpoint_written_ = false;
  Postgres* upstream_ = nullptr;
  bool connected_ = false;
  bool stalled_ = false;
  Time stalled_since_{};
  bool in_flight_ = false;
  bool stall_checked_ = false;
  bool resend_waits_ = false;
  std::uint64_t connection_ = 0;
  std::string slot_;
  std::vector<Postgres*> downstream_;
  std::string names_text_;
  postgres::StandbyNames names_;
  /// Written, and not acknowledged yet.
  std::vector<Position> waiting_;
  std::map<const Postgres*, Position> acknowledged_by_;
  bool replies_ = false;
  std::function<void()> listener_;
};

}  // namespace tanist::sim
